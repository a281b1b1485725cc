"""LNbits' own client of another wallet server: a second opinion on how that server's answers are to be read.

Usage: lnbits_client.py CLASS URL SECRET INVOICE

CLASS is PhoenixdWallet, LndRestWallet or CLNRestWallet; SECRET is its password, its macaroon in hex, or its rune. With
SSL_CERT_FILE set, TLS trusts that certificate. Asks for the balance, makes an invoice over 21 sat and looks it up, pays
INVOICE and looks that up, and prints what the client made of it as one line of JSON. In "ok" and "paid", null means
that the client does not know.
"""

import asyncio
import json
import os
import sys
import tempfile

AMOUNT_SAT = 21
FEE_LIMIT_MSAT = 10_000


def settings_of(name, url, secret):
    certificate = os.environ.get("SSL_CERT_FILE")
    return {
        "PhoenixdWallet": {"phoenixd_api_endpoint": url, "phoenixd_api_password": secret},
        "LndRestWallet": {"lnd_rest_endpoint": url, "lnd_rest_macaroon": secret, "lnd_rest_cert": certificate},
        "CLNRestWallet": {
            "clnrest_url": url,
            "clnrest_readonly_rune": secret,
            "clnrest_invoice_rune": secret,
            "clnrest_pay_rune": secret,
            "clnrest_ca": certificate,
        },
    }[name]


async def shown(call):
    """A success is a class whose `paid` hides the field of the same name, so the fields are not taken as they are."""
    try:
        answer = await call
    except Exception as error:
        return {"raised": type(error).__name__}
    return {field: getattr(answer, field) for field in answer._fields}


async def main(name, url, secret, invoice):
    import bolt11
    import lnbits.wallets
    from lnbits.settings import settings

    for key, value in settings_of(name, url, secret).items():
        setattr(settings, key, value)
    wallet = getattr(lnbits.wallets, name)()
    told = {"status": await shown(wallet.status())}
    told["create_invoice"] = await shown(wallet.create_invoice(AMOUNT_SAT, "from LNbits"))
    made = told["create_invoice"].get("checking_id")
    told["get_invoice_status"] = await shown(wallet.get_invoice_status(made)) if made else None
    told["pay_invoice"] = await shown(wallet.pay_invoice(invoice, FEE_LIMIT_MSAT))
    sent = told["pay_invoice"].get("checking_id") or bolt11.decode(invoice).payment_hash
    told["get_payment_status"] = await shown(wallet.get_payment_status(sent))
    return told


if __name__ == "__main__":
    own_output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LNBITS_DATA_FOLDER"] = folder
        print(json.dumps(asyncio.run(main(*sys.argv[1:5]))), file=own_output, flush=True)
