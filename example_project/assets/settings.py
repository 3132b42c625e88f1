"""Settings: parameters that people edit, as YAML, and the checked dataclass made of them."""

from typing import Any

import dagster as dg

from example_project.schema import TrainingConfig

GROUP = "settings"


class Parameters(dg.Config):
    """What a run may change at launch."""

    epochs: int = 6
    held_out_days: int = 6


@dg.asset(group_name=GROUP, kinds={"yaml"}, metadata={"autostore/format": "yaml"})
def parameters(config: Parameters) -> dict[str, Any]:
    """Everything that can be tuned, in a file that people can read and edit."""
    return {
        "judgement": {"held_out_days": config.held_out_days, "late_after_minutes": 15},
        "network": {"hidden": 96, "embedding": 12},
        "training": {"epochs": config.epochs, "batch_size": 2048, "learning_rate": 4e-3, "seed": 13},
    }


@dg.asset(group_name=GROUP)
def training_config(parameters: dict[str, Any]) -> TrainingConfig:
    """The parameters as a dataclass, kept and reloaded as itself."""
    return TrainingConfig(**parameters["judgement"], **parameters["network"], **parameters["training"])
