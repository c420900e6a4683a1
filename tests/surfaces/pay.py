"""The payment provider, as far as he reports to us: whichever surface something was bought on, he writes the same."""

from adapters.wechat_pay import DEV_APP_ID, DEV_MERCHANT_ID, signature
from tests.surfaces.served import PAY_KEY

__all__ = ["notice"]


def notice(order_id: str, *, fee_fen: int, key: str = PAY_KEY, result: str = "SUCCESS") -> bytes:
    """A payment notification as the provider signs it."""
    said = {
        "return_code": "SUCCESS",
        "result_code": result,
        "appid": DEV_APP_ID,
        "mch_id": DEV_MERCHANT_ID,
        "nonce_str": "n",
        "openid": "dev",
        "trade_type": "JSAPI",
        "bank_type": "OTHERS",
        "total_fee": str(fee_fen),
        "cash_fee": str(fee_fen),
        "transaction_id": f"tx{order_id}",
        "out_trade_no": order_id,
        "time_end": "20190601210509",
    }
    said["sign"] = signature(said, key=key)
    return ("<xml>" + "".join(f"<{name}>{value}</{name}>" for name, value in said.items()) + "</xml>").encode()
