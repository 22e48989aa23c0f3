"""`prompt` and `max_age` (OpenID Connect Core 1.0 section 3.1.2.1)."""

from __future__ import annotations

from dialkey.oauth.checks.context import Draft
from dialkey.oauth.errors import InvalidRequest

PROMPTS = ("none", "login", "consent", "select_account")


def check_prompt(draft: Draft) -> None:
    prompts = tuple(dict.fromkeys(draft.parameters.get("prompt", "").split()))
    if any(prompt not in PROMPTS for prompt in prompts):
        raise InvalidRequest(f"prompt {prompts}"[:80], description="The prompt is not supported.")
    if "none" in prompts and len(prompts) > 1:
        raise InvalidRequest("prompt none with others", description="The prompt none cannot be combined.")
    draft.prompts = prompts


def check_max_age(draft: Draft) -> None:
    text = draft.parameters.get("max_age")
    if text is None:
        return
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise InvalidRequest("max_age", description="The max_age must be a whole number of seconds.")
    draft.max_age = int(text)
