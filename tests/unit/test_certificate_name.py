"""Which names a certificate is for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.https.name import canonical, covers, is_address, wildcard_base
from tests.case import UnitTestCase

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
HOSTS = (
    st.lists(LABELS, min_size=1, max_size=4).map(".".join).filter(lambda host: not host.rpartition(".")[2].isdigit())
)


class CanonicalTests(UnitTestCase):
    def test_hosts_are_compared_in_lower_case_without_the_dot_at_the_end(self) -> None:
        self.assertEqual(canonical("WWW.Example.ORG."), "www.example.org")
        self.assertEqual(canonical("*.Example.ORG"), "*.example.org")

    def test_addresses_have_one_form_each(self) -> None:
        self.assertEqual(canonical("[2001:DB8:0:0::1]"), "2001:db8::1")
        self.assertEqual(canonical("fe80::1%eth0"), "fe80::1")
        self.assertEqual(canonical("127.0.0.1"), "127.0.0.1")

    def test_what_only_looks_like_an_address_is_a_host(self) -> None:
        for name in ("web1", "1.2.3", "a:b", "300.1.1.1"):
            self.assertEqual(canonical(name), name)
            self.assertFalse(is_address(name))

    @given(st.ip_addresses())
    def test_every_address_is_known_as_one(self, address: object) -> None:
        self.assertTrue(is_address(canonical(str(address))))

    @given(HOSTS)
    def test_case_and_a_last_dot_make_no_difference(self, host: str) -> None:
        self.assertEqual(canonical(f"{host.upper()}."), host)
        self.assertFalse(is_address(host))


class WildcardTests(UnitTestCase):
    @given(HOSTS, LABELS)
    def test_a_wildcard_stands_for_one_label(self, base: str, label: str) -> None:
        self.assertTrue(covers(f"*.{base}", f"{label}.{base}"))

    @given(HOSTS, LABELS, LABELS)
    def test_a_wildcard_stands_for_no_two_labels_and_not_for_none(self, base: str, one: str, two: str) -> None:
        self.assertFalse(covers(f"*.{base}", f"{one}.{two}.{base}"))
        self.assertFalse(covers(f"*.{base}", base))
        self.assertFalse(covers(f"*.{base}", f".{base}"))

    @given(HOSTS, HOSTS)
    def test_a_name_without_a_star_stands_for_itself_only(self, pattern: str, name: str) -> None:
        self.assertEqual(covers(pattern, name), pattern == name)

    @given(HOSTS, HOSTS)
    def test_what_a_wildcard_stands_for_ends_in_its_base(self, base: str, name: str) -> None:
        self.assertEqual(covers(f"*.{base}", name), name.partition(".")[2] == base)

    @given(st.ip_addresses(v=4))
    def test_no_wildcard_stands_for_an_address(self, address: object) -> None:
        text = str(address)
        self.assertTrue(covers(text, text))
        self.assertFalse(covers(f"*.{text.partition('.')[2]}", text))

    def test_a_star_has_to_be_the_whole_first_label(self) -> None:
        for pattern in ("*", "*.", "w*.example.org", "*w.example.org", "www.*.org", "**.example.org", "example.*"):
            self.assertIsNone(wildcard_base(pattern), pattern)
            self.assertFalse(covers(pattern, "www.example.org"), pattern)

    def test_nobody_is_called_by_a_wildcard(self) -> None:
        self.assertFalse(covers("*.example.org", "*.example.org"))

    def test_a_host_may_end_in_a_digit(self) -> None:
        self.assertTrue(covers("*.dev2", "www.dev2"))
