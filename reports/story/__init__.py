"""The first page of a run (index.html): the storm hour by hour, with links to every product."""

from reports.story.facts import StoryInputs
from reports.story.page import story_html, write_story

__all__ = ["StoryInputs", "story_html", "write_story"]
