"""The sections and keys that users are promised."""

from __future__ import annotations

from typing import Annotated

import msgspec

from duck_tx.settings.fields import FIELDS, ROOT, section_of
from duck_tx.settings.schema import (
    AcmeSettings,
    CertificateSettings,
    HttpsSettings,
    ServerSettings,
    Settings,
    SidecarSettings,
)
from tests.case import UnitTestCase


class _Inner(msgspec.Struct, frozen=True, kw_only=True):
    """The inner section."""

    email: Annotated[str, msgspec.Meta(description="Whom to tell.")] = ""


class _Outer(msgspec.Struct, frozen=True, kw_only=True):
    """The outer section.

    A second paragraph.
    """

    inner: _Inner = msgspec.field(default_factory=_Inner)
    enabled: Annotated[bool, msgspec.Meta(description="On or off.")] = False


class _Tree(msgspec.Struct, frozen=True, kw_only=True):
    outer: _Outer = msgspec.field(default_factory=_Outer)


class _Undescribed(msgspec.Struct):
    port: int = 1


class _Required(msgspec.Struct):
    port: Annotated[int, msgspec.Meta(description="A port.")]


class SchemaTests(UnitTestCase):
    def test_settings_cannot_be_changed(self) -> None:
        with self.assertRaises(AttributeError):
            ServerSettings().port = 1  # type: ignore[misc]

    def test_the_defaults_are_values_that_the_schema_accepts(self) -> None:
        for field in FIELDS.values():
            self.assertEqual(msgspec.convert(field.default, field.type), field.default, field.key)

    def test_the_settings_without_any_source_are_the_defaults(self) -> None:
        self.assertEqual(msgspec.convert({}, Settings), Settings())

    def test_every_section_and_key_is_described_in_sentences(self) -> None:
        for section in ROOT.walk():
            self.assertTrue(section.description.endswith("."), section.key)
        for field in FIELDS.values():
            self.assertTrue(field.description.endswith("."), field.key)
            self.assertTrue(field.description[0].isupper(), field.key)

    def test_every_number_has_limits_at_both_ends(self) -> None:
        for field in FIELDS.values():
            if "integer" in field.type_name or "number" in field.type_name:
                self.assertRegex(field.accepted, r"from \d+ to \d+|above \d+ and at most \d+", field.key)

    def test_a_pattern_is_told_in_words(self) -> None:
        for field in FIELDS.values():
            for kind in field.kinds:
                if isinstance(kind, msgspec.inspect.StrType) and kind.pattern:
                    self.assertTrue(field.words, field.key)


class FieldTests(UnitTestCase):
    def test_a_key_names_its_section_and_its_variable(self) -> None:
        field = FIELDS["http.max_header_block"]
        self.assertEqual((field.section, field.name), ("http", "max_header_block"))
        self.assertEqual(field.environment, "DUCK_HTTP__MAX_HEADER_BLOCK")
        self.assertEqual(field.unit, "bytes")

    def test_accepted_values_are_told_by_type_and_limits(self) -> None:
        self.assertEqual(FIELDS["server.port"].accepted, "an integer from 0 to 65535")
        self.assertEqual(FIELDS["server.workers"].accepted, 'an integer from 1 to 1024 or "auto"')
        self.assertEqual(FIELDS["http.header_timeout"].accepted, "a number above 0 and at most 86400 (seconds)")
        self.assertEqual(FIELDS["log.format"].accepted, '"combined" or "json"')
        self.assertEqual(FIELDS["server.debug"].accepted, "true or false")
        self.assertEqual(FIELDS["gateway.wsgi"].accepted, "MODULE:NAME")

    def test_a_list_is_known_as_one(self) -> None:
        self.assertTrue(FIELDS["proxy.trusted"].is_list)
        self.assertFalse(FIELDS["server.addr"].is_list)

    def test_a_list_of_tables_knows_what_each_is(self) -> None:
        field = FIELDS["https.certificates"]
        self.assertTrue(field.is_list)
        self.assertIs(field.table, CertificateSettings)
        self.assertEqual(field.type_name, "list of tables")
        self.assertIsNone(FIELDS["proxy.trusted"].table)
        self.assertIsNone(FIELDS["server.addr"].table)

    def test_a_field_may_stand_outside_of_all_sections(self) -> None:
        field = FIELDS["sidecars"]
        self.assertEqual((field.section, field.name), ("", "sidecars"))
        self.assertEqual(field.environment, "DUCK_SIDECARS")
        self.assertIs(field.table, SidecarSettings)
        self.assertNotIn("sidecars", ROOT.sections)

    def test_the_keys_of_a_table_are_described_as_fields_are(self) -> None:
        columns = {column.name: column for column in FIELDS["sidecars"].columns}
        self.assertEqual(list(columns), list(SidecarSettings.__struct_fields__))
        self.assertTrue(all(column.description.endswith(".") for column in columns.values()))
        self.assertIs(columns["command"].default, msgspec.NODEFAULT)
        self.assertEqual((columns["env"].default, columns["env"].accepted), ({}, "a table of text"))
        self.assertEqual(FIELDS["server.port"].columns, ())

    def test_a_sidecar_is_called_as_its_program_unless_it_has_a_name(self) -> None:
        self.assertEqual(SidecarSettings(command=("/usr/bin/celery", "worker")).called, "celery")
        self.assertEqual(SidecarSettings(command=("celery",), name="tasks").called, "tasks")

    def test_acme_is_a_section_of_https(self) -> None:
        self.assertEqual(FIELDS["https.acme.email"].environment, "DUCK_HTTPS__ACME__EMAIL")
        self.assertEqual(ROOT.sections["https"].sections["acme"].key, "https.acme")

    def test_https_is_on_where_it_is_said_or_acme_is(self) -> None:
        acme = AcmeSettings(email="me@example.com")
        for enabled, plain, with_acme in ((None, False, True), (True, True, True), (False, False, False)):
            self.assertEqual(HttpsSettings(enabled=enabled).is_on, plain)
            self.assertEqual(HttpsSettings(enabled=enabled, acme=acme).is_on, with_acme)

    def test_a_section_within_a_section_has_a_key_with_two_dots(self) -> None:
        root = section_of(_Tree)
        self.assertEqual([section.key for section in root.walk()], ["", "outer", "outer.inner"])
        fields = {field.key: field for field in root.all_fields()}
        self.assertEqual(list(fields), ["outer.enabled", "outer.inner.email"])
        self.assertEqual(fields["outer.inner.email"].environment, "DUCK_OUTER__INNER__EMAIL")

    def test_the_first_paragraph_describes_a_section(self) -> None:
        self.assertEqual(section_of(_Tree).sections["outer"].description, "The outer section.")

    def test_a_field_without_description_or_default_is_refused(self) -> None:
        for struct in (_Undescribed, _Required):
            with self.assertRaisesRegex(TypeError, "port"):
                section_of(struct, "server")

    def test_a_type_that_cannot_be_described_is_refused(self) -> None:
        struct = msgspec.defstruct(
            "Odd", [("odd", Annotated[bytes, msgspec.Meta(description="Odd.")], b"")], namespace={}
        )
        [field] = section_of(struct, "server").all_fields()
        with self.assertRaises(TypeError):
            _ = field.accepted
