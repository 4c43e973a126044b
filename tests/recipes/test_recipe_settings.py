"""`--set field=value`: what it takes, what it refuses, and that it never runs what it is given."""

from __future__ import annotations

import pytest

from byhand import losses, optim, recipes
from byhand.errors import InputError
from byhand.optim import ExponentialMovingAverage
from byhand.recipes import Network

GOOD = [
    # numbers, truth values, none
    ("batch_size=32", "batch_size", 32),
    (" batch_size = 32 ", "batch_size", 32),
    ("epochs=1", "epochs", 1),
    ("validation_fraction=0.2", "validation_fraction", 0.2),
    ("validation_fraction=0", "validation_fraction", 0.0),
    ("clip_norm=1", "clip_norm", 1.0),
    ("clip_norm=1e-3", "clip_norm", 1e-3),
    ("clip_norm=none", "clip_norm", None),
    ("clip_norm=null", "clip_norm", None),
    ("train_limit=", "train_limit", None),
    ("standardise=false", "standardise", False),
    ("standardise=True", "standardise", True),
    ("standardise=yes", "standardise", True),
    ("keep_best=0", "keep_best", False),
    ("sampling=with_replacement", "sampling", "with_replacement"),
    # parts, as calls
    ("optimiser=SGD", "optimiser", optim.SGD()),
    ("optimiser=sgd()", "optimiser", optim.SGD()),
    ("optimiser=SGD(0.9)", "optimiser", optim.SGD(momentum=0.9)),
    ("optimiser=SGD(momentum=0.9, nesterov=True)", "optimiser", optim.SGD(0.9, True)),
    ("optimiser=SGD(momentum=0.9, nesterov=true)", "optimiser", optim.SGD(0.9, True)),
    ("optimiser=Adam(beta1=0.8)", "optimiser", optim.Adam(beta1=0.8)),
    ("schedule=Constant(1e-3)", "schedule", optim.Constant(1e-3)),
    ("schedule=Step(0.01, factor=0.9, every=500)", "schedule", optim.Step(0.01, 0.9, 500)),
    ("schedule=Cosine(rate=0.1, steps=None)", "schedule", optim.Cosine(0.1)),
    ("schedule=Cosine(rate=0.1, steps=none)", "schedule", optim.Cosine(0.1)),
    ("schedule=WarmUp(Cosine(0.01), 100)", "schedule", optim.WarmUp(optim.Cosine(0.01), 100)),
    (
        "schedule=warmup(schedule=warmup(step(0.1,0.5,3), 4), steps=5)",
        "schedule",
        optim.WarmUp(optim.WarmUp(optim.Step(0.1, 0.5, 3), 4), 5),
    ),
    ("loss=CrossEntropy(0.1)", "loss", losses.CrossEntropy(0.1)),
    ("loss=MeanSquaredError", "loss", losses.MeanSquaredError()),
    ("average=0.999", "average", ExponentialMovingAverage(0.999)),
    ("average=ExponentialMovingAverage(0.9)", "average", ExponentialMovingAverage(0.9)),
    ("average=none", "average", None),
    ("model=tiny", "model", Network("tiny")),
    ("model=tiny(scale=0.01)", "model", Network("tiny", {"scale": 0.01})),
    # one setting inside a part
    ("schedule.factor=0.5", "schedule", optim.Step(0.01, 0.5, 500)),
    ("schedule.every=7", "schedule", optim.Step(0.01, 0.9, 7)),
    ("optimiser.beta2=0.99", "optimiser", optim.Adam(beta2=0.99)),
    ("loss.label_smoothing=0.1", "loss", losses.CrossEntropy(0.1)),
    ("model.kernel_size=7", "model", Network("one_conv", {"kernel_size": 7})),
]


@pytest.mark.parametrize(("setting", "field", "value"), GOOD, ids=[g[0] for g in GOOD])
def test_what_it_takes(setting, field, value):
    recipe = recipes.get("one_conv")
    changed = recipes.apply(recipe, [setting])
    assert getattr(changed, field) == value
    assert type(getattr(changed, field)) is type(value)
    rest = {k: v for k, v in vars(recipe).items() if k != field}
    assert {k: v for k, v in vars(changed).items() if k != field} == rest


def test_settings_are_applied_in_order():
    pairs = ["optimiser=SGD()", "optimiser.momentum=0.9", "optimiser.nesterov=true",
             "model.kernels=4", "model.kernel_size=3", "epochs=2", "epochs=3"]  # fmt: skip
    recipe = recipes.apply(recipes.get("one_conv"), pairs)
    assert recipe.optimiser == optim.SGD(0.9, True)
    assert recipe.model == Network("one_conv", {"kernels": 4, "kernel_size": 3})
    assert recipe.epochs == 3


def test_a_setting_inside_a_warm_ups_schedule():
    pairs = ["schedule=WarmUp(Cosine(0.01), 100)", "schedule.schedule.rate=0.02"]
    recipe = recipes.apply(recipes.get("one_conv"), pairs)
    assert recipe.schedule == optim.WarmUp(optim.Cosine(0.02), 100)


BAD = [
    # setting, what the sentence must say
    ("batch_size", ["field=value", "batch_size"]),
    ("", ["field=value"]),
    ("=3", ["no field ''"]),
    ("batchsize=3", ["no field 'batchsize'", "did you mean batch_size?", "epochs"]),
    ("name=mine", ["no field 'name'"]),
    ("expect=none", ["no field 'expect'"]),
    ("zzz=1", ["no field 'zzz'", "batch_size"]),
    ("batch_size=many", ["batch_size is 'many'", "a whole number"]),
    ("batch_size=1.5", ["batch_size is '1.5'", "a whole number"]),
    ("batch_size=none", ["batch_size cannot be none", "a whole number"]),
    ("batch_size=", ["batch_size cannot be none"]),
    ("clip_norm=a lot", ["clip_norm is 'a lot'", "a number or none"]),
    ("standardise=maybe", ["standardise is 'maybe'", "true or false"]),
    ("optimiser=Adamm", ["optimiser is 'Adamm'", "Adam", "SGD"]),
    ("optimiser=Adam(0.9", ["optimiser is 'Adam(0.9'", "Name(key=value)"]),
    ("optimiser=Adam(speed=3)", ["Adam has no setting 'speed'", "beta1"]),
    ("optimiser=Adam(1, 2, 3, 4, 5)", ["Adam"]),
    ("optimiser=Adam(beta1=high)", ["optimiser"]),
    ("optimiser=Adam(beta1='high')", ["optimiser.beta1 is 'high'", "a number"]),
    ("optimiser=Adam(beta1=2)", ["Adam's beta1 is 2", "less than 1"]),
    ("optimiser=SGD(0.9, momentum=0.8)", ["momentum"]),
    ("optimiser=Adam(**{})", ["Name(key=value)"]),
    ("optimiser=Constant(0.1)", ["Constant", "one of SGD"]),
    ("optimiser=none", ["optimiser cannot be none"]),
    ("optimiser=3", ["optimiser is '3'"]),
    ("schedule=Step(0.1)", ["Step needs factor, every"]),
    ("schedule=WarmUp(0.1, 3)", ["schedule.schedule is '0.1'", "Cosine"]),
    ("schedule=Constant(nan)", ["schedule"]),
    ("schedule=Constant(1e999)", ["schedule.rate is 'inf'"]),
    ("schedule.rate=fast", ["schedule.rate is 'fast'", "a number"]),
    ("schedule.rate=nan", ["schedule.rate is 'nan'"]),
    ("schedule.rates=1", ["Step has no setting 'rates'", "did you mean rate?"]),
    ("schedule.rate.x=1", ["schedule.rate", "no part 'x'"]),
    ("batch_size.x=1", ["batch_size", "no part 'x'"]),
    ("average.decay=0.9", ["average", "no part 'decay'"]),
    ("average=1.5", ["decay is 1.5"]),
    ("model=lenet7", ["no network 'lenet7'", "lenet5"]),
    ("model=one_conv(7)", ["write the settings of one_conv with their names"]),
    ("model.kernelsize=3", ["no setting 'kernelsize'", "did you mean kernel_size?"]),
    ("model.kernel_size=big", ["model.kernel_size is 'big'"]),
    ("model.kernel_size={[]: 1}", ["model.kernel_size"]),
    ("loss=CrossEntropy(2)", ["smoothing is 2"]),
    # fields that do not make sense, alone or together
    ("sampling=sometimes", ["sampling is 'sometimes'", "with_replacement"]),
    ("validation_fraction=1", ["validation_fraction is 1.0"]),
    ("validation_fraction=-0.1", ["validation_fraction is -0.1"]),
    ("validation_fraction=nan", ["validation_fraction is 'nan'"]),
    ("batch_size=0", ["batch_size is 0", "from 1 up"]),
    ("epochs=0", ["epochs is 0", "from 1 up"]),
    ("steps=-3", ["steps is -3"]),
    ("train_limit=0", ["train_limit is 0"]),
    ("test_limit=0", ["test_limit is 0"]),
    ("patience=0", ["patience is 0"]),
    ("clip_norm=0", ["clip_norm is 0.0", "more than 0"]),
    ("clip_norm=nan", ["clip_norm is 'nan'"]),
    ("epochs=none", ["how long to train"]),
]


@pytest.mark.parametrize(("setting", "says"), BAD, ids=[b[0] or "empty" for b in BAD])
def test_what_it_refuses_in_one_sentence(setting, says):
    with pytest.raises(InputError) as error:
        recipes.apply(recipes.get("one_conv"), [setting])
    text = str(error.value)
    assert "\n" not in text
    for part in says:
        assert part in text


def test_patience_needs_something_to_wait_for():
    with pytest.raises(InputError, match="patience needs a validation set"):
        recipes.apply(recipes.get("one_conv"), ["patience=2", "validation_fraction=0"])


INJECTIONS = [
    "optimiser=__import__('os').system('touch {path}')",
    "optimiser=Adam(__import__('os').system('touch {path}'))",
    "optimiser=Adam(beta1=__import__('os').system('touch {path}'))",
    "optimiser=Adam(beta1=open('{path}', 'w'))",
    "optimiser=open('{path}', 'w')",
    "optimiser=(lambda: open('{path}', 'w'))()",
    "optimiser=[open('{path}', 'w') for _ in 'x']",
    "optimiser=Adam(*[open('{path}', 'w')])",
    "optimiser=SGD if open('{path}', 'w') else SGD",
    "schedule=WarmUp(open('{path}', 'w'), 3)",
    "schedule.rate=open('{path}', 'w')",
    "model=tiny(scale=open('{path}', 'w'))",
    "model=open('{path}', 'w')",
    "model=__import__('pathlib').Path('{path}').touch()",
    "model.kernel_size=open('{path}', 'w')",
    "average=open('{path}', 'w')",
    "loss=exec('open({path!r}, chr(119))')",
    "batch_size=open('{path}', 'w')",
    "model=os",
    "model=build",
    "model=__init__",
]


@pytest.mark.parametrize("setting", INJECTIONS)
def test_code_is_refused_and_not_run(tmp_path, setting):
    path = tmp_path / "touched"
    with pytest.raises(InputError) as error:
        recipes.apply(recipes.get("one_conv"), [setting.format(path=path)])
    assert "\n" not in str(error.value)
    assert not path.exists()


NONSENSE = (
    "-1", "1e999", "nan", "9" * 5000, "{}", "\ud800", "\0", "-" * 3000 + "1", "(" * 3000 + "1",
    "a." * 3000, "Adam(", "Adam(beta1=nan)", "Adam(beta1='x')", "Cosine(-1)",
    "WarmUp(Cosine(0.1), 0)", "Augmentation(shift=1e300)", "x\ny",
)  # fmt: skip
PLACES = ("train_limit", "standardise", "validation_fraction", "sampling", "augment", "model",
          "model.x", "loss.label_smoothing", "optimiser", "optimiser.beta1", "schedule",
          "schedule.rate", "batch_size", "epochs", "clip_norm", "average", "patience", "expect",
          "model.", "\ud800", "x" * 3000)  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=ascii)
@pytest.mark.parametrize("text", NONSENSE, ids=lambda text: ascii(text)[:20])
def test_nonsense_anywhere_is_refused_in_one_short_sentence(place, text):
    """Whatever Python's own parser makes of it: no RecursionError, no half characters."""
    with pytest.raises(InputError) as error:
        recipes.apply(recipes.get("one_conv"), [f"{place}={text}"])
    said = str(error.value)
    assert "\n" not in said
    assert len(said.encode()) < 700
