"""The world around the example shop: what its project gathers from, on one machine and with nothing real to break.

Run from `examples/` as `python -m shop_world --folder STATE`: an orders API, a site of album pages and a database of
contacts. The purchases are real (CDNOW, see `shop/cdnow/PROVENANCE.md`); the people, the albums and the answers to the
survey are generated from a seed, since no public data set holds real people's phones.
"""

from __future__ import annotations

from shop_world.process import World, running
from shop_world.survey import Answered, survey_answers

__all__ = ["Answered", "World", "running", "survey_answers"]
