"""Recipes: what is read, and how mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from medcodec.errors import OptionError
from medcodec.training.config import TrainingStage
from medcodec.training.recipe import load_config

ROOT = Path(__file__).parent.parent.parent


def test_tiny_recipe_is_read(recipe):
    config = load_config(recipe)
    assert config.model.size == "tiny"
    assert config.samples.quality == (4.0, 14.0)
    assert config.stages[1] == TrainingStage(
        "second", ("context",), 1e-3, steps=14, samples="previous", quantised_from=0.0
    )
    assert config.sources[0].licence == "CC0"
    assert config.text == recipe.read_text()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "recipes").glob("wavelet-*.toml")), ids=lambda path: path.stem
)
def test_shipped_recipes_are_read(path):
    assert path.stem.removeprefix("wavelet-").startswith(load_config(path).model.size)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('size = "tiny"', "", r"\[model\] size is missing"),
        ("draws = 1", "drawz = 1", r"\[data\] 'drawz' is not known; there are include, .*draws"),
        ("draws = 1", "draws = true", r"\[data\] draws is int, not True"),
        ("draws = 1", "draws = 0", r"data\.draws is at least 1"),
        ("quality = [4, 14]", "quality = [14, 4]", r"samples\.quality is two numbers from 0 to 20"),
        ("gops = [4]", "gops = [3]", r"samples\.gops is a list of"),
        (
            'networks = ["context"]',
            'networks = ["contexts"]',
            r"stage 'second', networks is a list of context",
        ),
        ("steps = 14", "", r"stage 'second' needs either minutes or steps"),
        ("steps = 14", "steps = 14\nminutes = 1", r"stage 'second' needs either minutes or steps"),
        ("steps = 16", 'steps = 16\nsamples = "previous"', r"stage 'first', samples is \"none\""),
        ('name = "second"', 'name = "first"', r"stages have the same name twice"),
        (
            'size = "tiny"',
            'size = "tiny"\ncontext_features = 7',
            r"model\.context_features is one of \(26, 39\)",
        ),
        ('["noisy"]', '["quiet"]', r"stage 'first', networks are named in model\.enhancers"),
        ('["noisy"]', '["a", "b", "c"]', r"model\.enhancers are fewer than 3"),
        ("[loop]", "[loops]", r"'loops' is not known; a recipe has model, data"),
        ("[model]", "[model", r"cannot be read as TOML"),
        ("log_every = 5", "log_every = 0", r"loop\.log_every is at least 1"),
    ],
)
def test_mistakes_are_named(recipe, tmp_path, old, new, message):
    text = recipe.read_text()
    assert old in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(OptionError, match=message) as raised:
        load_config(path)
    assert str(path) in str(raised.value)
