"""One paid call: its pure rules (``meter``, ``lifecycle``) and the actor that carries them out."""
