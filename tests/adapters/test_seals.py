"""What is kept of a mailed code."""

from adapters.seals import KeyedSeal

SECRET = "0f3b9c5e7a2d4861f0e9d8c7b6a59483"


def test_a_seal_tells_neither_code_nor_address_and_is_that_of_all_three_together():
    seal = KeyedSeal(SECRET)
    sealed = seal("786739", address="mail:a@example.com", purpose="address")

    assert sealed == KeyedSeal(SECRET)("786739", address="mail:a@example.com", purpose="address")
    assert (len(sealed), "786739" in sealed) == (64, False)
    assert (
        len(
            {
                sealed,
                seal("786738", address="mail:a@example.com", purpose="address"),
                seal("786739", address="mail:b@example.com", purpose="address"),
                seal("786739", address="mail:a@example.com", purpose="password"),
                KeyedSeal(SECRET[::-1])("786739", address="mail:a@example.com", purpose="address"),
            }
        )
        == 5
    )


def test_what_cannot_be_written_is_sealed_too():
    assert KeyedSeal(SECRET)("\ud800", address="a", purpose="b")
