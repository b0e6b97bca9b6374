"""The first page of a run (index.html): the storm hour by hour, with links to every product."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.story.facts import StoryInputs
    from reports.story.page import story_html, write_story
else:
    from risk_models.lazy import on_demand

    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "facts": ["StoryInputs"],
            "page": ["story_html", "write_story"],
        },
    )

__all__ = ["StoryInputs", "story_html", "write_story"]
