"""Limits: what lies within, what outside, and what does not say."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.achievement import Template
from ledger.detail import ACHIEVEMENT_TYPES, Details
from ledger.error import InvalidInputError
from ledger.limit import KINDS, NO_LIMITS, CredentialKind, Limits, Subject, level_of, subject_of
from tests.ledger.world import TEMPLATE

AWARD = Subject(level=6, field="0613", kind="micro_credential", country="EE")
FIELDS = st.sampled_from(["01", "06", "061", "0613", "0611", "07", "071"])
KINDS_OF = st.sampled_from(["micro_credential", "certificate", "diploma", "degree", "other"])
LIMITS = st.builds(
    Limits,
    levels=st.lists(st.integers(1, 8), unique=True, max_size=3).map(tuple),
    fields=st.lists(FIELDS, unique=True, max_size=3).map(tuple),
    kinds=st.lists(KINDS_OF, unique=True, max_size=3).map(tuple),
    country=st.none() | st.sampled_from(["EE", "LV"]),
)
SUBJECTS = st.builds(
    Subject,
    level=st.none() | st.integers(1, 8),
    field=st.none() | FIELDS,
    kind=KINDS_OF,
    country=st.sampled_from(["EE", "LV"]),
)


@pytest.mark.parametrize(
    "limits, outside, unstated",
    [
        (NO_LIMITS, (), ()),
        (Limits(levels=(5, 6)), (), ()),
        (Limits(levels=(5, 7)), ("level",), ()),
        (Limits(fields=("06",)), (), ()),
        (Limits(fields=("061",)), (), ()),
        (Limits(fields=("0613",)), (), ()),
        (Limits(fields=("0611", "07")), ("field",), ()),
        (Limits(kinds=("micro_credential", "degree")), (), ()),
        (Limits(kinds=("degree",)), ("kind",), ()),
        (Limits(country="EE"), (), ()),
        (Limits(country="LV"), ("country",), ()),
        (Limits(levels=(7,), kinds=("degree",), fields=("06",)), ("level", "kind"), ()),
    ],
)
def test_limits_say_in_which_dimensions_an_award_lies_outside(
    limits: Limits, outside: tuple[str, ...], unstated: tuple[str, ...]
) -> None:
    fit = limits.fit(AWARD)
    assert (fit.outside, fit.unstated, fit.is_within) == (outside, unstated, not outside)


@pytest.mark.parametrize(
    "limits, subject, unstated",
    [
        (Limits(levels=(6,)), msgspec.structs.replace(AWARD, level=None), ("level",)),
        (Limits(fields=("06",)), msgspec.structs.replace(AWARD, field=None), ("field",)),
        (Limits(fields=("0613",)), msgspec.structs.replace(AWARD, field="06"), ("field",)),
        (Limits(country="EE"), msgspec.structs.replace(AWARD, country=None), ("country",)),
    ],
)
def test_limits_leave_it_open_when_an_award_does_not_state_what_they_are_about(
    limits: Limits, subject: Subject, unstated: tuple[str, ...]
) -> None:
    fit = limits.fit(subject)
    assert (fit.outside, fit.unstated, fit.is_within) == ((), unstated, False)


@given(LIMITS, SUBJECTS)
def test_limits_only_ever_shut_out_more_when_one_more_dimension_is_limited(limits: Limits, subject: Subject) -> None:
    whole = limits.fit(subject)
    for name in Limits.__struct_fields__:
        fewer = msgspec.structs.replace(limits, **{name: getattr(NO_LIMITS, name)}).fit(subject)
        assert set(fewer.outside) <= set(whole.outside)
        assert set(fewer.unstated) <= set(whole.unstated)
    assert NO_LIMITS.fit(subject).is_within
    assert not set(whole.outside) & set(whole.unstated)


@pytest.mark.parametrize(
    "limits, pointer",
    [
        (Limits(levels=(0,)), "/limits/levels"),
        (Limits(levels=(9,)), "/limits/levels"),
        (Limits(levels=(6, 6)), "/limits/levels"),
        (Limits(fields=("6",)), "/limits/fields"),
        (Limits(fields=("06130",)), "/limits/fields"),
        (Limits(fields=("06", "06")), "/limits/fields"),
        (Limits(fields=tuple(f"{number:04}" for number in range(61))), "/limits/fields"),
        (Limits(kinds=("degree", "degree")), "/limits/kinds"),
        (Limits(country="Estonia"), "/limits/country"),
    ],
)
def test_limits_are_refused_when_ill_formed(limits: Limits, pointer: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        limits.check()
    assert caught.value.pointer == pointer


@pytest.mark.parametrize(
    "changes, level",
    [
        ({"eqf_level": 6}, 6),
        ({"eqf_level": None, "qf_ehea": "short"}, 5),
        ({"eqf_level": None, "qf_ehea": "third"}, 8),
        ({"eqf_level": 4, "qf_ehea": "second"}, 4),
    ],
)
def test_level_follows_from_the_cycle_when_no_eqf_level_is_stated(changes: dict[str, object], level: int) -> None:
    template: Template = msgspec.structs.replace(TEMPLATE, **changes)
    assert level_of(template) == level


@pytest.mark.parametrize(
    "details, field, kind",
    [
        (None, None, "micro_credential"),
        (Details(isced_f="0542"), "0542", "micro_credential"),
        (Details(achievement_type="MasterDegree"), None, "degree"),
        (Details(achievement_type="License"), None, "other"),
        (Details(achievement_type="ext:Nano"), None, "other"),
    ],
)
def test_subject_is_taken_from_template_and_details(
    details: Details | None, field: str | None, kind: CredentialKind
) -> None:
    assert subject_of(TEMPLATE, details, "EE") == Subject(level=6, field=field, kind=kind, country="EE")


def test_every_type_that_has_a_kind_is_one_of_open_badges() -> None:
    assert set(KINDS) <= ACHIEVEMENT_TYPES
