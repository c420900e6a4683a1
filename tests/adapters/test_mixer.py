"""The recording mixer: what it takes, and how much of it."""

import pytest

from adapters.mixer import RecordingMixer
from engine.errors import BadInput

DESCRIPTION = {"mix_stream_session_id": "room_1", "input_stream_list": [{"input_stream_id": "8888_2001"}]}


@pytest.mark.parametrize(
    "description",
    [
        DESCRIPTION,
        '{"mix_stream_session_id": "room_1", "input_stream_list": [{"input_stream_id": "8888_2001"}]}',
    ],
)
async def test_a_description_is_kept_whether_object_or_text(description):
    mixer = RecordingMixer()

    await mixer.mix("room_1", description)

    assert mixer.last("room_1") == DESCRIPTION
    assert mixer.last("room_2") is None


async def test_the_last_description_of_a_room_counts():
    mixer = RecordingMixer()

    await mixer.mix("room_1", {"layout": 1})
    await mixer.mix("room_1", {"layout": 2})

    assert mixer.last("room_1") == {"layout": 2}


async def test_what_was_accepted_does_not_change_any_more():
    mixer = RecordingMixer()
    description = {"layout": 1}

    await mixer.mix("room_1", description)
    description["layout"] = 2

    assert mixer.last("room_1") == {"layout": 1}


@pytest.mark.parametrize(
    "description",
    [
        None,
        1,
        True,
        [],
        ["a"],
        object(),
        "",
        "layout=1",
        "[]",
        "null",
        '"{}"',
        '{"a": 1',
        '{"a": NaN}',
        "{}{}",
        "\ud800",
        {"a": "\ud800"},
        {"a": object()},
        "[" * 10_000,
        "x" * 16_385,
        {"a": "x" * 16_384},
        '{"a": "' + "流" * 10_000 + '"}',
    ],
)
async def test_anything_else_is_refused_and_changes_nothing(description):
    mixer = RecordingMixer()
    await mixer.mix("room_1", DESCRIPTION)

    with pytest.raises(BadInput) as caught:
        await mixer.mix("room_1", description)

    assert caught.value.field == "mergeParams"
    assert mixer.last("room_1") == DESCRIPTION


async def test_it_remembers_a_bounded_number_of_rooms():
    mixer = RecordingMixer(rooms_max=2)

    await mixer.mix("room_1", {"layout": 1})
    await mixer.mix("room_2", {"layout": 1})
    await mixer.mix("room_1", {"layout": 2})
    await mixer.mix("room_3", {"layout": 1})

    assert mixer.last("room_1") == {"layout": 2}
    assert mixer.last("room_2") is None
    assert mixer.last("room_3") == {"layout": 1}
