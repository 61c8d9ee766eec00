"""Where deliveries of an environment may go: nothing that is tried out reaches those who get the real thing."""

from __future__ import annotations

from pumphouse.declare.asset import Asset
from pumphouse.errors import ConfigError
from pumphouse.project.config import Config


def is_held_back(asset: Asset, config: Config) -> bool:
    """Whether this would leave, as a delivery or to a store that is shared, for a place not the environment's own.

    An environment with a lake of its own delivers to connections that it declares itself, and to no file: every
    environment shares those.
    """
    if asset.kind not in ("deliver", "online") or config.outlets is None or asset.spec.to is None:
        return False
    to: str = asset.spec.to
    if to.partition(":")[0] in ("folder", "sqlite"):
        return True
    return to in config.connections and to not in config.outlets  # what is no connection at all, its build refuses


def refuse_held_back(asset: Asset, config: Config) -> None:
    """Raise ConfigError where a delivery is asked for that the environment holds back."""
    if is_held_back(asset, config):
        raise ConfigError(
            f"environment '{config.env}' does not deliver to '{asset.spec.to}', which is not its own",
            asset=asset.name,
            place=asset.place,
            mend=f"Deliver to a connection, and declare one of that name in [env.{config.env}.connections].",
        )
