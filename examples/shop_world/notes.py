"""What customer care types about a caller: in haste, in shorthand, now and then something that must not be run."""

from __future__ import annotations

from random import Random

_PHRASES = (
    "pls call asap",
    "cust wants refund b4 xmas",
    "tbd",
    "cust says pkg never arrived, pls chk w/ whse",
    "wrong cd sent, ret req by cust",
    "addr chg, see acct",
    "will call back tmrw, hrs 2 to 4",
    "msg left, no ans",
    "fwd to mgr",
    "cc declined, asked for new card",
    "order qty wrong, shd be 2",
    "bday gift, dont call home",
    "OK w/o receipt per mgr",
    "FYI moved to the U.S. last yr",
    "inv sent 2x, pls void 1",
    "thx for quick reply!!",
    "prefers email b/c deaf in one ear",
    "appt w/ acct dept mon am",
    "cust v. upset, ship o/n next time",
    "temp addr til sept",
    "dup acct? same ph as sister",
    "pd by chk, amt short by $2",
    "wants gift cert info, fyi no fax",
    "u can reach him @ work only",
    "bal due, rem sent",
    "no longer buying, hrs of hold music",
    "discount promised approx 10%, pls confirm",
    "asked abt jazz recs, see misc msgs",
    "Müller & sons, attn: Käthe",
    "délai trop long, pls apologise",
    "speaks French only",
    "happy customer",
    "called twice",
)
# A spreadsheet would run the first, a page the second, careless SQL the third.
_HOSTILE = (
    '=HYPERLINK("http://example.com","pls click")',
    "<script>alert('asap')</script>",
    "Robert'); DROP TABLE customers;--",
)
_STYLES = (str, str, str, str.upper, str.capitalize)


def note(random: Random) -> str | None:
    """One or two phrases in the hand of whoever took the call; about every third customer has none."""
    kind = random.random()
    if kind < 0.35:
        return None
    if kind < 0.351:
        return random.choice(_HOSTILE)
    phrases = random.sample(_PHRASES, 2 if kind > 0.75 else 1)
    return random.choice(_STYLES)(random.choice((". ", ", ", " / ")).join(phrases))
