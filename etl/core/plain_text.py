"""Text that came from outside, made fit for a terminal: what it would obey, or hide, is written out."""


def plain(text: str, *, keep: str = "") -> str:
    """*text* with control characters, and others that cannot be seen, as escapes; those in *keep* stay."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in keep else ascii(each)[1:-1] for each in text)
