"""What a survey shows: its questions and the text to agree to, each version by hash, and until when it is open."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pumphouse.declare.asset import Asset
from pumphouse.errors import BadRequest, SourceError, UnknownName
from pumphouse.server.served import ServedProject
from pumphouse.sources.surveys.questions import read_survey

DAY = len("2026-12-31")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A survey as it is shown now. `consent` is the text to agree to; versions are SHA-256."""

    name: str
    text: str
    version: str
    definition: Mapping[str, Any]  # SurveyJS JSON
    consent: str | None
    consent_version: str | None
    is_invited: bool
    closes: datetime | None
    quota: int | None

    @property
    def title(self) -> str:
        """What it calls itself."""
        title = self.definition.get("title")
        if isinstance(title, dict):  # by language
            title = title.get(self.definition.get("locale") or "default") or title.get("default")
        return title if isinstance(title, str) and title else self.name

    @property
    def takes_files(self) -> bool:
        """Whether answers may hold files, which are larger than words."""
        return '"file"' in self.text


class Sheets:
    """The surveys of a project, each read again when its files change."""

    def __init__(self, project: ServedProject) -> None:
        self._project = project
        self._read: dict[str, tuple[object, Sheet]] = {}
        self._lock = threading.Lock()

    def cached(self, name: str) -> Sheet | None:
        """The survey as it is shown, where that was read and has not changed since; it waits for nothing."""
        asset = self._asset(name)
        stamp, sheet = self._read.get(name, (None, None))
        return sheet if sheet and stamp == self._stamp(asset) else None

    def current(self, name: str) -> Sheet:
        """The survey as it is shown. What was shown once stays known: somebody may be filling it in.

        Raises UnknownName where there is no such survey, SourceError where its files can't be read.
        """
        if found := self.cached(name):
            return found
        asset = self._asset(name)
        with self._lock:
            stamp = self._stamp(asset)
            text = read_survey(asset, self._project.folder)
            consent = self._consent(asset)
            closes = closing(asset.spec.closes, zone=self._project.zone)
            sheet = Sheet(
                name=name,
                text=text,
                version=self._kept(name, text),
                definition=json.loads(text),
                consent=consent,
                consent_version=None if consent is None else self._kept(name, consent, what="consent"),
                is_invited=asset.spec.access == "invited",
                closes=closes,
                quota=asset.spec.quota,
            )
            self._read[name] = stamp, sheet
        return sheet

    def shown(self, sheet: Sheet, version: str | None) -> tuple[str, str]:
        """The text and version of a survey as somebody was shown it. Raises BadRequest where nobody ever was."""
        if version in (None, sheet.version):
            return sheet.text, sheet.version
        assert version is not None
        if self._project.lake.state.recall(f"survey:{sheet.name}:{version}") is None:
            raise BadRequest(
                "this version of the survey was never shown", mend="Load the form again; what you typed is kept."
            )
        return self._project.lake.blobs.get(version).decode(), version

    def agreed(self, sheet: Sheet, version: str | None) -> str | None:
        """The version of the text that was agreed to; None where there is none. Raises BadRequest without agreement."""
        if sheet.consent is None:
            return None
        shown = f"consent:{sheet.name}:{version}"
        if version is None or (version != sheet.consent_version and self._project.lake.state.recall(shown) is None):
            raise BadRequest(
                "nobody agreed to the text before the questions", mend="Load the form again; it is shown first."
            )
        return version

    def _asset(self, name: str) -> Asset:
        asset = self._project.assets.get(name)
        if asset is None or asset.kind != "survey":
            mend = "One that was declared since the server started is shown once it is started again."
            raise UnknownName(f"there is no survey '{name}'", asset=name, mend=mend)
        return asset

    def _stamp(self, asset: Asset) -> object:
        """What changes when one of the survey's files does."""
        try:
            found = [(self._project.folder / file).stat() for file in (asset.spec.path, asset.spec.consent) if file]
        except OSError:  # who reads it says so
            return None
        return [(one.st_mtime_ns, one.st_size, one.st_ino) for one in found]

    def _consent(self, asset: Asset) -> str | None:
        file: str | None = asset.spec.consent
        if file is None:
            return None
        try:
            return (self._project.folder / file).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise SourceError(
                f"the text to agree to, {file}, can't be read: {error}",
                asset=asset.name,
                place=asset.place,
                mend="It is a text file of the project, in UTF-8.",
            ) from error

    def _kept(self, name: str, text: str, *, what: str = "survey") -> str:
        """The SHA-256 of a text, which the lake has from now on."""
        version = hashlib.sha256(text.encode()).hexdigest()
        lake = self._project.lake
        shown = f"{what}:{name}:{version}"
        if lake.state.recall(shown) is None:
            lake.blobs.put(text.encode())
            lake.state.remember(shown, "1")
        return version


def closing(text: str | None, *, zone: str) -> datetime | None:
    """The moment from which no answer is taken: the end of a day, or the moment that is given."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if len(text) <= DAY:
        moment += timedelta(days=1)
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
