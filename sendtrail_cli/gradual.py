"""`make gradual`: the template by which a release takes over gradually."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from sendtrail import __version__
from sendtrail.domain.times import now
from sendtrail.errors import InvalidInputError

__all__ = ["GRADUAL", "gradual_template"]

GRADUAL: Final = (
    "Canary10Percent5Minutes",
    "Canary10Percent15Minutes",
    "Linear10PercentEvery1Minute",
)
"""CodeDeploy's configurations for functions that are offered; it has more of each kind."""

_FUNCTIONS: Final = "Globals:\n  Function:\n"
_VARIABLES: Final = "    Environment:\n      Variables:\n"
_LINT: Final = "ignore_checks: [W1100]"
_AUTHORIZER: Final = "FunctionArn: !GetAtt AuthorizeFunction.Arn"
_ALARMS: Final = (
    "ServerErrorsAlarm",
    "AuthorizerErrorsAlarm",
    "TrackErrorsAlarm",
    "PreferencesErrorsAlarm",
    "IngestErrorsAlarm",
    "DispatchErrorsAlarm",
    "ProjectErrorsAlarm",
    "FallbackToLineAlarm",
    "ChoiceFallbackToLineAlarm",
)
"""Each takes a release back: it says that some of it fails."""


def gradual_template(template: Path, how: str) -> str:
    """The template, by which each function is published as a version behind the alias ``live``, and
    CodeDeploy moves what calls it to a new version little by little, and back if an alarm goes off.

    A version is published for each template that is made: SAM publishes one when a function's own
    code changes, but not when the layer does, or a parameter (docs/decisions/0033), so each has a
    variable that says when it was made.

    Args:
        how: one of `GRADUAL`.

    Raises:
        InvalidInputError: it is not Sendtrail's template, or none of those.
        OSError: it cannot be read.
    """
    if how not in GRADUAL:
        raise InvalidInputError(f"{how}: none of {', '.join(GRADUAL)}")
    text = template.read_text(encoding="utf-8")
    if any(text.count(each) != 1 for each in (_LINT, _FUNCTIONS, _VARIABLES, _AUTHORIZER)):
        raise InvalidInputError(f"{template} is not Sendtrail's template")
    deployment = [
        "AutoPublishAlias: live",
        "AutoPublishAliasAllProperties: true",
        "DeploymentPreference:",
        f"  Type: {how}",
        "  Alarms:",
        *(f"    - !Ref {alarm}" for alarm in _ALARMS),
    ]
    inserted = "".join(f"    {line}\n" for line in deployment)
    release = f'        RELEASE: "{__version__} of {now()}"\n'
    return (
        text.replace(_FUNCTIONS, _FUNCTIONS + inserted)
        .replace(_VARIABLES, _VARIABLES + release)
        .replace(_LINT, "ignore_checks: [W1100, E3724]")  # cfn-lint does not know what SAM does
        .replace(_AUTHORIZER, "FunctionArn: !Ref AuthorizeFunction.Alias")
    )


if __name__ == "__main__":
    print(gradual_template(Path("template.yaml"), sys.argv[1]), end="")
