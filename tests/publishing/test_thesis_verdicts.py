"""What a verdict of the thesis's pages rests on, in few words."""

from rulebook.claims.rules import Every, falling, q
from rulebook.publishing.reasons import because, brief

GRU, RIMS, SBD = "gru-cat/moving-sprites", "rims-cat-6/moving-sprites", "oc-rims-sbd-6-3/moving-sprites"
DIGITS = "rims-cat-6/moving-mnist"


def note(rule, **values):
    by_entry = {GRU: values["gru"], RIMS: values["rims"], SBD: values["sbd"]}
    found = {step: dict(enumerate(by_entry[step.entry])) for step in rule.quantities}
    return rule.decide(found).note


def test_parts_that_fare_alike_stand_together_the_worst_first():
    rule = Every(tuple(falling(q(one, "mse"), q(SBD, "mse")) for one in (GRU, RIMS)))
    told = because(note(rule, gru=[1.0, 1.1, 1.2], rims=[5.0, 9.0, 4.0], sbd=[3.0, 6.0, 4.0]))
    assert told == (
        "<b>not reproduced</b>: MSE on sprites: GRU CAT > OC-RIMs SBD 6, 3<br>"
        "<b>partly</b> (the right order, but intervals overlap): MSE on sprites: RIMs CAT 6 > OC-RIMs SBD 6, 3"
    )
    told = because(note(rule, gru=[1.0], rims=[2.0], sbd=[3.0]))
    assert told == "<b>not reproduced</b>: MSE on sprites: GRU CAT > OC-RIMs SBD 6, 3; RIMs CAT 6 > OC-RIMs SBD 6, 3"


def test_what_is_not_shared_is_said_of_each():
    assert brief(falling(q(GRU, "mse_cells_off"), q(GRU, "mse")).text) == (
        "on sprites: ",
        "MSE cells off of GRU CAT > MSE of GRU CAT",
    )
    told = brief(falling(q(DIGITS, "mse"), q(RIMS, "mse")).text)
    assert told == ("", "mse of RIMs CAT 6 on digits > mse of RIMs CAT 6 on sprites")
    assert brief(f"(mse of {GRU}) / (mse of {SBD}) at least 0.98") == (
        "MSE on sprites: ",
        "GRU CAT / OC-RIMs SBD 6, 3 at least 0.98",
    )


def test_a_note_of_one_part_stays_as_it_is():
    assert because(f"no evaluated run of {GRU}") == "no evaluated run of GRU CAT on sprites"
    assert because("") == ""
