"""Which source topic history belongs on."""

from __future__ import annotations

from pipeline.config.schema import Config, SourceTopic
from pipeline.errors import ConfigError

__all__ = ["choose_topic"]


def choose_topic(config: Config, history_format: str, wanted: str | None) -> SourceTopic:
    """The source topic of a configuration that history of one format goes to.

    Parameters
    ----------
    config : Config
        With the topics.
    history_format : str
        Format of the records.
    wanted : str or None
        Name of the topic; None = the first of that format.

    Raises
    ------
    ConfigError
        There is no such topic, or it is of another format.
    """
    listed = ", ".join(f"{topic.name} ({topic.format})" for topic in config.topics)
    if wanted is None:
        for topic in config.topics:
            if topic.format == history_format:
                return topic
        raise ConfigError(f"the files hold {history_format}, expected a topic of that format, found {listed}; add one to topics")
    for topic in config.topics:
        if topic.name == wanted:
            if topic.format != history_format:
                raise ConfigError(
                    f"--topic {wanted}: expects {topic.format}, but the files hold {history_format}; name another of {listed}"
                )
            return topic
    raise ConfigError(f"--topic: found {wanted!r}, expected one of {listed}; correct it or add the topic to topics")
