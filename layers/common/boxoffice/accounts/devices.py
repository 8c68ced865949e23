"""What people call a device, from the User-Agent header of its requests."""


def device_of(user_agent: str) -> str:
    """Return words for a device, such as "Firefox on Android"; "Unknown device" if the header says nothing."""
    import ua_parser

    browser = ua_parser.parse_user_agent(user_agent)
    system = ua_parser.parse_os(user_agent)
    names = [found.family for found in (browser, system) if found is not None and found.family != "Other"]
    return " on ".join(names) or "Unknown device"
