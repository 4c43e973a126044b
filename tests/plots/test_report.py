"""The report of a run: one page that needs nothing else, whatever is absent."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from byhand import nn
from byhand.data import Dataset
from byhand.errors import DataError
from byhand.evaluation import evaluate, look, predict
from byhand.files import write_json
from byhand.plots import write_report
from byhand.plots.report import command
from byhand.training.records import Diagnosis

VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """Reads a page strictly: every tag that opens must close in order."""

    def __init__(self, path):
        super().__init__()
        self.open, self.tags, self.said = [], [], []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.said.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.said))

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def section(page, name):
    return page.source.split(f'<section id="{name}">')[1].split("</section>")[0]


def test_a_whole_run(run_folder, evaluation):
    path = write_report(run_folder)
    assert path == run_folder / "report.html"
    page = Page(path)
    assert (
        f"small was trained on 1,000 pictures of MNIST for 5 epochs and reads {evaluation.hits} of "
        f"80 test pictures right: {100 * evaluation.accuracy:.2f} % (95 % interval"
    ) in page.text
    for expected in (
        "a small one", "batch_size=8", "Conv2d", "3×10×10", "12,345", "A note on the data.",
        "A note on the run.", "Accuracy is at chance.", "too slow: try a larger rate",
        "an abacus", "ab12",
    ):  # fmt: skip
        assert expected in page.text, expected
    assert "byhand train small --set batch_size=8 --set schedule.rate=0.1 --seed 3 --threads 2" in (
        page.text
    )
    worst = evaluation.most_confused()[0]
    assert f'<td class="n">{worst.count}</td>' in section(page, "confusion")
    assert section(page, "mistakes").count("<li>") == min(48, len(evaluation.mistakes))
    names = {p.name for p in (run_folder / "pictures").iterdir()}
    assert names == {
        "loss.png", "accuracy.png", "learning_rate.png", "gradient_norms.png", "weight_norms.png",
        "confusion.png", "reliability.png", "mistakes.png", "filters.png", "feature_maps.png",
    }  # fmt: skip


def test_the_page_needs_nothing_else(run_folder):
    page = Page(write_report(run_folder))
    assert not re.search(
        r"https?:|//[a-z]|url\(|@import", re.sub(r"base64,[^\"]+", "", page.source)
    )
    assert not page.all("script")
    assert not page.all("link")
    assert page.all("img")
    for image in page.all("img"):
        assert image["src"].startswith("data:image/png;base64,")
        assert base64.b64decode(image["src"].partition(",")[2])[1:4] == b"PNG"
        assert image["alt"].strip()
    targets = {attrs.get("id") for _, attrs in page.tags}
    for link in page.all("a"):
        assert link["href"].removeprefix("#") in targets


def test_hostile_names_stay_text(run_folder, run, evaluation, model):
    evil = '<script>alert("x")</script><img src=x onerror=y>'
    run["recipe"] = {"name": evil, "summary": evil, evil: evil, "expect": {evil: evil}}
    run["settings"] = {evil: evil}
    run["dataset"] |= {"name": evil, "source": evil, "notes": [evil]}
    run["layers"][0] |= {"name": evil, "layer": evil}
    run["diagnoses"] = [vars(Diagnosis("chance", evil, ((evil, evil),)))]
    run["machine"] = {evil: evil}
    write_json(run_folder / "run.json", run)
    replace(
        evaluation,
        classes=(evil, *evaluation.classes[1:]),
        per_class=(replace(evaluation.per_class[0], name=evil), *evaluation.per_class[1:]),
    ).save(run_folder)
    page = Page(write_report(run_folder))
    assert not page.all("script")
    assert not any("onerror" in attrs for _, attrs in page.tags)
    assert evil in page.text


def test_an_interrupted_run_without_an_epoch(tmp_path, run):
    write_json(tmp_path / "run.json", run | {"epochs": [], "diagnoses": [], "result": None})
    page = Page(write_report(tmp_path))
    assert "the run did not come to its end, so there is no result" in page.text
    assert "did not finish an epoch" in page.text
    assert "Nothing looked wrong." in page.text
    assert not page.all("img")


def test_an_interrupted_run_with_epochs(tmp_path, run):
    write_json(tmp_path / "run.json", run | {"result": None})
    page = Page(write_report(tmp_path))
    assert "for 5 epochs; the run did not come to its end" in page.text
    assert "The model was not evaluated" in page.text
    assert len(page.all("img")) == 5


def test_a_run_record_with_nothing_in_it(tmp_path):
    write_json(tmp_path / "run.json", {})
    page = Page(write_report(tmp_path))
    assert "byhand train" in page.text


def test_one_epoch_without_validation(run_folder, run, epochs):
    only = replace(epochs[0], validation_loss=None, validation_accuracy=None)
    write_json(run_folder / "run.json", run | {"epochs": [only.as_dict()]})
    page = Page(write_report(run_folder))
    assert "for 1 epoch and" in page.text
    assert "each curve is a point" in page.text
    assert "No validation set" in page.text


def test_a_diverged_run(tmp_path, run, epochs):
    bad = replace(
        epochs[1], train_loss=float("nan"), gradient_norms={"0.weight": float("inf")},
        diagnoses=(Diagnosis("diverged", "The loss is NaN at step 13.", ()),),
    )  # fmt: skip
    write_json(
        tmp_path / "run.json",
        run | {"epochs": [epochs[0].as_dict(), bad.as_dict()], "diagnoses": [], "result": None},
    )
    page = Page(write_report(tmp_path))
    assert "The loss is NaN at step 13." in page.text


def test_a_diagnosis_is_said_once(run_folder, run, epochs):
    found = Diagnosis("chance", "Accuracy is at chance.", (("too slow", "try a larger rate"),))
    run["epochs"] = [replace(e, diagnoses=(found,)).as_dict() for e in epochs]
    write_json(run_folder / "run.json", run)
    page = Page(write_report(run_folder))
    assert page.text.count("Accuracy is at chance.") == 1


def test_a_run_of_steps_says_steps(run_folder, run):
    run["recipe"]["steps"] = 50
    write_json(run_folder / "run.json", run)
    assert "for 50 steps and reads" in Page(write_report(run_folder)).text


def test_no_mistakes_and_no_convolution(tmp_path, run):
    model = nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(36, 10))
    model.init(np.random.default_rng(0))
    model.card = nn.ModelCard(image_shape=(1, 12, 12))
    images = np.random.default_rng(0).integers(0, 256, (30, 1, 12, 12), dtype=np.uint8)
    write_json(tmp_path / "run.json", run)
    evaluate(model, Dataset(images, predict(model, images).argmax(axis=1))).save(tmp_path)
    look(model, images[0]).save(tmp_path)
    page = Page(write_report(tmp_path))
    assert "There is none: every test picture was read right." in page.text
    assert "no filters are drawn" in page.text
    assert not (tmp_path / "pictures" / "mistakes.png").exists()


def test_every_wide_table_shows_that_it_scrolls_and_can_be_scrolled_by_keys(run_folder):
    page = write_report(run_folder).read_text("utf-8")
    tables, scrolling = page.count("<table"), page.count('<div class="scroll" tabindex="0"><table')
    assert tables == scrolling > 5
    assert "var(--shade)" in page[page.index(".scroll {") : page.index("table {")]


def test_writing_twice_gives_the_same_page(run_folder):
    first = write_report(run_folder).read_bytes()
    assert write_report(run_folder).read_bytes() == first


def test_broken_records_are_told(tmp_path, run_folder, run):
    with pytest.raises(DataError, match=r"run\.json.*give the folder of a training run"):
        write_report(tmp_path / "nowhere")
    (run_folder / "run.json").write_text("{")
    with pytest.raises(DataError, match=r"run\.json is no JSON"):
        write_report(run_folder)
    (run_folder / "run.json").write_text("[]")
    with pytest.raises(DataError, match=r"run\.json is \[\], but it must be an object"):
        write_report(run_folder)
    write_json(run_folder / "run.json", run | {"epochs": [{"epoch": 1}]})
    with pytest.raises(DataError, match="epochs in"):
        write_report(run_folder)


@pytest.mark.parametrize(
    "odd",
    [
        {"recipe": 5}, {"dataset": {"n_train": "60"}}, {"layers": [{"parameters": "9"}]},
        {"layers": [3]}, {"diagnoses": [{"kind": "chance"}]}, {"notes": 4}, {"epochs": [4]},
        {"settings": [["a", "b", "c"]]}, {"parameters": "many"}, {"command": {"x": 1}},
    ],
    ids=str,
)  # fmt: skip
def test_a_record_with_values_of_other_types_is_told(run_folder, run, odd):
    write_json(run_folder / "run.json", run | odd)
    with pytest.raises(DataError, match=r"run\.json"):
        write_report(run_folder)


def test_the_command_quotes_what_a_shell_would_split(run):
    run["settings"] = {"note": "a b", "epochs": 3}
    run["from_model"] = "my model.safetensors"
    run["track_test"] = True
    assert command(run) == (
        "byhand train small --set 'note=a b' --set epochs=3 --seed 3 --threads 2 "
        "--layout reference --from 'my model.safetensors' --track-test"
    )
    assert command({"command": ["byhand", "train", "x y"]}) == "byhand train 'x y'"
    assert command({"command": "byhand train z"}) == "byhand train z"
