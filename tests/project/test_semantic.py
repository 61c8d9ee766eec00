from __future__ import annotations

from pathlib import Path

import pytest
from tests.project.conftest import Folder, statuses

from pumphouse.errors import BadRequest

DECLARED = """
    import hashlib
    from pathlib import Path

    import pumphouse as ph

    WORDS = {"money": 0, "refund": 0, "back": 0, "late": 1, "slow": 1, "broken": 2}

    def embed(texts):
        with (Path(__file__).parent / "asked.log").open("a") as log:
            log.writelines(f"{text}\\n" for text in texts)
        words = [text.lower().split() for text in texts]
        return [[float(sum(WORDS.get(word) == at for word in of_one)) for at in range(3)] for of_one in words]

    tickets_search = ph.search("tickets", text="body", filter="account", embed=embed)
    plain_search = ph.search("tickets", text="body")
"""
TICKETS = """
    /* pumphouse
    key = "id"
    */
    SELECT * FROM (VALUES (1, 'Refund please', 'a'), (2, 'It is slow', 'a'), (3, 'Refund now', 'b'))
    AS t(id, body, account)
"""


def test_a_project_finds_by_meaning_and_asks_its_function_once(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write({"facts.py": DECLARED, "tickets.sql": TICKETS})

    def asked() -> list[str]:
        file = tmp_path / "asked.log"
        found = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return found

    assert set(statuses(folder.run()).values()) == {"built"}
    assert sorted(asked()) == ["It is slow", "Refund now", "Refund please"]
    project = folder.open()
    found = project.search("tickets_search", "give my money back", semantic=True, limit=2)
    assert {hit.key for hit in found.hits} == {(1,), (3,)}
    assert project.search("tickets_search", "money", semantic=True, where={"account": "b"}).rows[0]["id"] == 3
    assert project.search("tickets_search", "money").total == 0
    (read, *_) = project.lake.state.accesses(asset="tickets_search")
    assert read.detail in ("give my money back", "money")
    with pytest.raises(BadRequest, match="no other order"):
        project.search("tickets_search", "money", semantic=True, order="newest")
    with pytest.raises(BadRequest, match="searched by words alone"):
        project.search("plain_search", "money", semantic=True)
    asked()
    folder.write({"tickets.sql": TICKETS.replace("(2, 'It is slow'", "(2, 'It is broken'")})
    folder.run()
    assert asked() == ["It is broken"]
    folder.write({"facts.py": DECLARED.replace('"broken": 2', '"broken": 2, "please": 1')})
    folder.run()
    assert len(asked()) == 3  # another function makes other vectors
    folder.close()
