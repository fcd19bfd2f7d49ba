"""Three questions that staff ask most, as prompts that a client offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mcp.types import GetPromptResult, Prompt, PromptArgument, PromptMessage, TextContent

__all__ = ["PROMPTS", "Question"]


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt with one argument.

    Attributes:
        argument: its name and what it is.
        text: with `{}` where the argument goes.
    """

    name: str
    title: str
    argument: tuple[str, str]
    text: str

    def described(self) -> Prompt:
        """What a client is told of it."""
        name, said = self.argument
        argument = PromptArgument(name=name, description=said, required=True)
        return Prompt(name=self.name, title=self.title, arguments=[argument])

    def asked(self, arguments: Mapping[str, str]) -> GetPromptResult:
        """The question about something.

        Raises:
            KeyError: the argument is missing.
        """
        text = TextContent(type="text", text=self.text.format(arguments[self.argument[0]]))
        return GetPromptResult(messages=[PromptMessage(role="user", content=text)])


PROMPTS: Final = (
    Question(
        "who_got_what",
        "Who got a mailing, and who did not",
        ("mailing", "its id, or a part of its name"),
        "Who got the mailing {}, and who did not? Find it, give the figures, then list those who "
        "bounced, were dropped, or whose message waits, each with the reason.",
    ),
    Question(
        "why_did_it_not_arrive",
        "Why did mail not reach somebody?",
        ("person", "their id, name or address"),
        "Why did mail not reach {}? Find them, see whether they get mail now, look at their latest "
        "messages that were not delivered and at the trail of each, and say what to do.",
    ),
    Question(
        "how_did_it_do",
        "How did a mailing do?",
        ("mailing", "its id, or a part of its name"),
        "How did the mailing {} do? Give what was sent, delivered, opened and clicked by people, "
        "which links were clicked, which mailbox providers stand out, and how that compares with "
        "earlier mailings of its kind.",
    ),
)
"""The prompts, in the order in which they are listed."""
