from __future__ import annotations

import pytest

from pumphouse.errors import ProjectFaults

FILES = """
import pumphouse as ph
raw_orders = ph.files("orders/*.txt", format=ph.fixed_width(order_id=5, amount_usd="money"))
"""


def test_a_contract_is_part_of_what_its_source_is_made_by(loaded):
    plain = loaded({"shop.py": FILES})
    held = loaded({"shop.py": FILES + 'orders_contract = ph.contract("raw_orders", new="stop")\n'})
    other = loaded({"shop.py": FILES + 'orders_contract = ph.contract("raw_orders", new="take")\n'})
    assert held.assets["orders_contract"].kind == "contract"
    assert len({one.assets["raw_orders"].fingerprint for one in (plain, held, other)}) == 3


@pytest.mark.parametrize(
    ("line", "what", "mend"),
    [
        ('c = ph.contract("raw_order")', "'c' needs 'raw_order', which nobody defines", "Did you mean 'raw_orders'?"),
        (
            'c = ph.contract("raw_orders", columns={"amount_us": "DOUBLE"})',
            "the contract 'c' is about 'amount_us', which 'raw_orders' does not have",
            "Did you mean 'amount_usd'?",
        ),
        (
            'c = ph.contract("raw_orders")\nd = ph.contract("raw_orders")',
            "'raw_orders' has two contracts, 'c' (shop.py:3) and 'd'",
            "Say all of it in one.",
        ),
        (
            '@ph.table()\ndef orders(raw_orders):\n    """O."""\n    return raw_orders\nc = ph.contract("orders")',
            "'c' reads 'orders', which is a table",
            "A contract reads",
        ),
    ],
)
def test_a_contract_about_what_is_not_there_is_a_fault(loaded, line, what, mend):
    with pytest.raises(ProjectFaults) as raised:
        loaded({"shop.py": f"{FILES}{line}\n"})
    (fault,) = raised.value.faults
    assert fault.what == what
    assert mend in fault.mend
