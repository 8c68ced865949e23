"""The countries of ISO 3166-1, by their codes."""

# Codes of two letters that CLDR knows, but that are no countries in ISO 3166. XK is not there either, but Kosovo has no
# other code.
_NO_COUNTRIES = frozenset(("AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"))


def check(code: str) -> str:
    """Return the code of a country. Refuse any other text."""
    from babel import Locale

    if len(code) != 2 or code in _NO_COUNTRIES or code not in Locale("en").territories:
        raise ValueError("must be a country of ISO 3166-1, such as NG")
    return code
