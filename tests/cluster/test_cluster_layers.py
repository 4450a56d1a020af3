"""Which stages are tasks, and which task waits for which."""

from __future__ import annotations

from sightline.cluster.graph import Array, Stage, arrays, before, in_order, made_in, shared, tasks
from sightline.cluster.run_cache import Knowledge
from studies import ROOT, has_dvc


def graph(**needs: str) -> dict[str, Stage]:
    """Stages by name; `a__b="c d"`: the stage a@b needs c and d, with - written as _."""
    names = {name: name.replace("__", "@").replace("_", "-") for name in needs}
    return {names[name]: Stage(names[name], frozenset(needs[name].split())) for name in needs}


def study() -> dict[str, Stage]:
    """Two networks, of which x has a second seed, whose consistency asks for the first seed's maps."""
    return graph(
        prepare="raw.dvc", lung_films__lung="prepare", lungs="prepare",
        train__x="prepare", train__x_seed2="prepare", train__y="lung-films@lung",
        saliency__x="train@x", saliency__x_seed2="train@x-seed2", saliency__y="train@y lung-films@lung",
        consistency__x="saliency@x train@x", consistency__x_seed2="saliency@x-seed2 saliency@x train@x-seed2",
        consistency__y="saliency@y", align="saliency@x saliency@x-seed2 saliency@y lungs", report="align",
    ) | {"raw.dvc": Stage("raw.dvc")}  # fmt: skip


KEYS = ["x", "x-seed2", "y"]


def test_items_of_networks_are_tasks_and_what_they_share_or_what_gathers_them_is_not() -> None:
    found = tasks(study())
    assert sorted(found) == sorted(f"{stage}@{key}" for stage in ("train", "saliency", "consistency") for key in KEYS)
    assert found == [name for name in in_order(study()) if name in found]
    assert shared(study(), found) == ["raw.dvc", "prepare", "lung-films@lung"]  # lungs is for align, so it can wait


def test_an_item_that_needs_what_gathers_others_is_left_to_dvc() -> None:
    stages = graph(train__x="", train__y="", rank="train@x train@y", card__x="rank", card__y="rank")
    assert tasks(stages) == ["train@x", "train@y"]


def test_a_single_stage_of_items_is_tasks() -> None:
    assert tasks(graph(prepare="", train__x="prepare", train__y="prepare")) == ["train@x", "train@y"]


def test_one_array_per_stage_and_a_further_seed_waits_for_the_first() -> None:
    stages = study()
    assert arrays(stages, tasks(stages), KEYS) == [
        Array("train", (0, 1, 2)),
        Array("saliency", (0, 1, 2), same=(0,)),
        Array("consistency", (0, 2), same=(1,)),
        Array("consistency", (1,), same=(1,), others=((1, 0),)),
    ]


def test_a_task_whose_upstream_is_done_waits_for_none() -> None:
    stages = study()
    left = [name for name in tasks(stages) if name not in ("train@x", "saliency@x", "train@y")]
    assert arrays(stages, left, KEYS) == [
        Array("train", (1,)),
        Array("saliency", (1,), same=(0,)),
        Array("saliency", (2,)),
        Array("consistency", (0,)),
        Array("consistency", (1,), same=(1,)),
        Array("consistency", (2,), same=(2,)),
    ]


def test_what_is_in_the_queue_is_waited_for_by_the_number_that_it_has_there() -> None:
    stages = study()
    queued = {"train@x": ("70", 0), "train@y": ("70", 1)}  # from before there was a second seed
    left = ["saliency@x", "saliency@y"]
    assert arrays(stages, left, KEYS, queued) == [
        Array("saliency", (0,), same=("70",)),
        Array("saliency", (2,), others=(("70", 1),)),
    ]


def test_the_tasks_before_a_task_are_in_order() -> None:
    stages = study()
    assert before(stages, "consistency@x-seed2", tasks(stages)) == [
        "train@x", "train@x-seed2", "saliency@x", "saliency@x-seed2",
    ]  # fmt: skip


def test_a_path_is_made_where_it_is_an_output_or_in_one_or_around_one() -> None:
    stages = [Stage("prepare", outs=("data/prepared/annotations", "data/index.csv"))]
    made = [made_in(path, stages) for path in ("data/index.csv", "data/prepared/annotations/a.png", "data/prepared")]
    assert made == [True, True, True]
    assert not made_in("data/index.csv.bak", stages)


@has_dvc
def test_every_stage_of_a_network_in_this_pipeline_is_a_task() -> None:
    knowledge = Knowledge(ROOT)
    found = tasks(knowledge.stages)
    assert {knowledge.stages[name].group for name in found} == {
        "train", "saliency", "faithfulness", "regions", "consistency",
    }  # fmt: skip
    assert {"prepare", "consensus", "lungs"} <= set(shared(knowledge.stages, found))
    unrecorded = {stage.group for name, stage in knowledge.stages.items() if name in found and not stage.is_recorded}
    assert unrecorded == {"faithfulness", "regions", "consistency"}
