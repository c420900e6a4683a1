"""handlers/admin/cli"""
