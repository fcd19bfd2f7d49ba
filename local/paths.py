"""Where things are in the tree."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["LAYER", "LOGS", "ROOT", "STACK_FILE", "STATE", "TEMPLATE"]

ROOT: Final = Path(__file__).resolve().parent.parent
TEMPLATE: Final = ROOT / "template.yaml"
LAYER: Final = ROOT / "layers" / "sendtrail"
STATE: Final = ROOT / ".local"
STACK_FILE: Final = STATE / "stack.json"
LOGS: Final = STATE / "logs"
