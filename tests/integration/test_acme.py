"""Certificates from a real authority: issued, renewed, and what happens when it cannot or will not."""

from __future__ import annotations

import socket
from pathlib import Path
from stat import S_IMODE

from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.threads import deferToThread

from duck_tx.https.acme.plan import Backoff
from tests.integration.acme_case import AcmeCase
from tests.integration.pebble import free_port, free_ports
from tests.unit.logged import logged_lines

KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


class IssueTests(AcmeCase):
    async def test_a_name_is_validated_over_plain_http(self) -> None:
        authority = self.authority(tls_port=free_port())
        service = self.service(authority, challenge="http-01")
        with logged_lines() as lines:
            credential = await self.issued(service)
        self.assertEqual(credential.names, ("example.org",))
        self.assert_trusted(authority, credential)
        self.assert_no_answers()
        self.assertEqual(len(self.loads), 1)
        self.assertIn(f"certificate for example.org: asking {authority.directory[8:-4]}", lines)
        self.assertIsNone(service.status.error)
        self.assertEqual(service.status.expires, credential.expires)

    async def test_a_name_is_validated_on_the_tls_port(self) -> None:
        authority = self.authority(http_port=free_port())
        credential = await self.issued(self.service(authority, challenge="tls-alpn-01", has_http=False))
        self.assertEqual(credential.names, ("example.org",))
        self.assert_trusted(authority, credential)
        self.assert_no_answers()

    async def test_several_names_are_in_one_certificate(self) -> None:
        names = ("example.org", "www.example.org", "shop.example.org")
        for challenge in ("http-01", "tls-alpn-01"):
            self.loads.clear()
            authority = self.authority()
            service = self.service(authority, *names, challenge=challenge, folder=self.directory / challenge)
            self.assertEqual(set((await self.issued(service)).names), set(names))
            self.assertEqual(authority.certificates, 1)

    async def test_an_address_is_a_name_as_well(self) -> None:
        for challenge in ("http-01", "tls-alpn-01"):
            self.loads.clear()
            service = self.service(
                self.authority(), "127.0.0.1", challenge=challenge, folder=self.directory / challenge
            )
            self.assertEqual((await self.issued(service)).names, ("127.0.0.1",))
            self.assert_no_answers()

    async def test_files_are_for_their_owner_only_and_in_certbots_layout(self) -> None:
        credential = await self.issued(self.service(self.authority()))
        self.assertIsInstance(credential.key, ec.EllipticCurvePrivateKey)
        self.assertEqual(credential.chain[0].public_key().key_size, 256)  # type: ignore[union-attr]
        folder = self.directory / "live" / "example.org"
        self.assertEqual({path.name for path in folder.iterdir()}, {"fullchain.pem", "privkey.pem", "issued.json"})
        for path in [self.directory, *self.directory.rglob("*"), *folder.resolve().iterdir()]:
            if not path.is_symlink():
                self.assertEqual(oct(S_IMODE(path.stat().st_mode)), oct(0o700 if path.is_dir() else 0o600), path)

    async def test_nonces_that_are_refused_are_replaced(self) -> None:
        authority = self.authority(nonce_reject=50)
        with logged_lines() as lines:
            await self.issued(self.service(authority))
        self.assertEqual([line for line in lines if "next attempt" in line], [])
        self.assertGreater(authority.log.count("HEAD /nonce-plz"), 1)


class RenewalTests(AcmeCase):
    async def test_a_certificate_is_renewed_when_two_thirds_of_its_lifetime_are_over(self) -> None:
        authority = self.authority(validity=6)
        service = self.service(authority)
        first = await self.issued(service)
        second = await self.issued(service, 2)
        self.assertEqual(authority.certificates, 2)
        self.assertLess(second.chain[0].not_valid_before_utc, first.expires)
        self.assertNotEqual(first.chain[0].public_key(), second.chain[0].public_key())
        age = second.chain[0].not_valid_before_utc - first.chain[0].not_valid_before_utc
        self.assertGreaterEqual(age.total_seconds(), 3)
        self.assertEqual((self.directory / "live" / "example.org").resolve().name, "2")

    async def test_other_names_are_ordered_at_once_and_the_old_certificate_stays_meanwhile(self) -> None:
        authority = self.authority()
        service = self.service(authority)
        first = await self.issued(service)
        await self.stop(service)
        self.holds = True
        wider = self.service(authority, "example.org", "www.example.org", challenge="http-01")
        wider.startService()
        await self.until(lambda: self.held)
        self.assertEqual(self.live().chain, first.chain)
        await self.stop(wider)
        self.holds = False
        self.assertEqual(set((await self.issued(wider, 2)).names), {"example.org", "www.example.org"})
        self.assertEqual(authority.accounts, 1)

    async def test_a_restart_finds_certificate_and_account(self) -> None:
        authority = self.authority()
        first = self.service(authority)
        await self.issued(first)
        await self.stop(first)
        second = self.service(authority)
        with logged_lines() as lines:
            second.startService()
            await self.until(lambda: second.status.next_attempt)
        self.assertTrue(any(line.startswith("certificate for example.org: valid until 2") for line in lines), lines)
        self.assertEqual((authority.certificates, authority.accounts, len(self.loads)), (1, 1, 1))

    async def test_another_address_is_told_and_the_account_stays(self) -> None:
        authority = self.authority()
        first = self.service(authority)
        await self.issued(first)
        await self.stop(first)
        await self.issued(self.service(authority, "www.example.org", email="me@example.org"), 2)
        self.assertEqual(authority.accounts, 1)
        [account] = self.directory.glob("accounts/*/account.json")
        self.assertIn("me@example.org", account.read_text())

    async def test_another_authority_has_its_own_account_and_issues_anew(self) -> None:
        first, second = self.authority(), self.authority()
        service = self.service(first)
        await self.issued(service)
        await self.stop(service)
        credential = await self.issued(self.service(second), 2)
        self.assert_trusted(second, credential)
        self.assertEqual(len(list(self.directory.glob("accounts/*/key.pem"))), 2)

    async def test_an_account_that_the_authority_has_forgotten_is_made_again(self) -> None:
        authority = self.authority()
        first = self.service(authority)
        await self.issued(first)
        await self.stop(first)
        [key] = self.directory.glob("accounts/*/key.pem")
        before = key.read_bytes()
        authority.stop()
        authority.start()
        with logged_lines() as lines:
            await self.issued(self.service(authority, "www.example.org"), 2)
        self.assertEqual([line for line in lines if "next attempt" in line], [])
        self.assertEqual((authority.accounts, key.read_bytes()), (2, before))


class RefusalTests(AcmeCase):
    async def test_an_authority_that_is_down_is_asked_until_it_is_up(self) -> None:
        authority = self.authority()
        authority.stop()
        service = self.service(authority)
        with logged_lines() as lines:
            service.startService()
            await self.until(lambda: service.status.failures >= 2)
        self.assertRegex(self.told(lines), r"cannot be reached: Connection refused; next attempt in 0 s$")
        self.assertRegex(str(service.status.error), "cannot be reached")
        authority.start()
        await self.issued(service)
        self.assertIsNone(service.status.error)
        self.assertEqual(service.status.failures, 0)

    async def test_a_challenge_that_is_refused_is_followed_by_the_other_kind(self) -> None:
        authority = self.authority(tls_port=free_port())
        service = self.service(authority)
        with logged_lines() as lines:
            await self.issued(service)
        self.assertEqual([line for line in lines if "next attempt" in line], [])
        [line] = [line for line in lines if "refused" in line]
        self.assertRegex(
            line, r"^certificate for example.org: tls-alpn-01 for example.org was refused: .*; trying http-01$"
        )
        self.assert_no_answers()

    async def test_what_worked_comes_first_at_the_renewal(self) -> None:
        authority = self.authority(tls_port=free_port(), validity=6)
        service = self.service(authority)
        with logged_lines() as lines:
            await self.issued(service, 2)
        self.assertEqual(sum("refused" in line for line in lines), 1, lines)

    async def test_names_that_nobody_answers_for_are_told_with_what_the_authority_says(self) -> None:
        tls_port, http_port = free_ports(2)
        authority = self.authority(tls_port=tls_port, http_port=http_port)
        service = self.service(authority)
        with logged_lines() as lines:
            service.startService()
            await self.until(lambda: service.status.error)
        self.assertRegex(
            self.told(lines),
            r"^certificate for example.org: http-01 for example.org was refused: .*onnect.*; next attempt in 0 s$",
        )
        self.assertNotIn("Traceback", "\n".join(lines))
        self.assert_no_answers()
        self.assertEqual(self.loads, [])

    async def test_too_many_refusals_are_not_repeated_by_a_restart(self) -> None:
        tls_port, http_port = free_ports(2)
        authority = self.authority(tls_port=tls_port, http_port=http_port)
        few = Backoff(base=0.1, cap=0.1, per_hour=2)
        for _ in range(3):
            service = self.service(authority, backoff=few, challenge="http-01")
            with logged_lines() as lines:
                service.startService()
                await self.until(lambda: any("next attempt in 60 min" in line for line in lines), lines)
            await self.stop(service)
        self.assertEqual(authority.log.count("POST /order-plz"), 2)

    async def test_an_account_is_bound_to_one_that_is_known(self) -> None:
        authority = self.authority(bindings={"kid-1": KEY})
        await self.issued(self.service(authority, eab_key_id="kid-1", eab_hmac_key=KEY))
        self.assertEqual(authority.accounts, 1)

    async def test_a_binding_that_is_wrong_or_missing_is_told(self) -> None:
        authority = self.authority(bindings={"kid-1": KEY})
        wrong = self.service(authority, eab_key_id="kid-2", eab_hmac_key=KEY)
        missing = self.service(authority)
        for service, said in (
            (wrong, r"refuses the account with https.acme.eab_key_id: .*'kid'"),
            (missing, r"refuses the account: .*; give https.acme.eab_key_id and https.acme.eab_hmac_key; next attempt"),
        ):
            with logged_lines() as lines:
                service.startService()
                await self.until(lambda service=service: service.status.error)  # type: ignore[misc]
            await self.stop(service)
            self.assertRegex(self.told(lines), said)
        self.assertEqual(authority.accounts, 0)

    async def test_what_is_no_directory_is_told(self) -> None:
        authority = self.authority()
        for path in ("/nothing-here", "/nonce-plz", "/root"):
            service = self.service(authority, directory=authority.directory.removesuffix("/dir") + path)
            service.startService()
            await self.until(lambda service=service: service.status.error)  # type: ignore[misc]
            self.assertRegex(str(service.status.error), rf"{path} is no ACME directory; mend https.acme.directory$")

    async def test_an_authority_that_is_not_trusted_is_told_with_the_mend(self) -> None:
        service = self.service(self.authority(), ca_file=None)
        service.startService()
        await self.until(lambda: service.status.error)
        self.assertRegex(str(service.status.error), "not trusted .*; name its issuer's in https.acme.ca_file$")


class StopTests(AcmeCase):
    async def test_a_stop_abandons_an_order_and_takes_its_answers_away(self) -> None:
        self.holds = True
        service = self.service(self.authority(), challenge="http-01")
        service.startService()
        await self.until(lambda: self.held)
        self.assertEqual(len(self.http), 1)
        await self.stop(service)
        self.assert_no_answers()
        self.assertEqual(self.loads, [])

    async def test_a_stop_does_not_wait_for_an_authority_that_does_not_answer(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            authority = self.authority()
            authority.stop()
            service = self.service(authority, directory=f"https://127.0.0.1:{silent.getsockname()[1]}/dir")
            service.startService()
            connection, _ = await deferToThread(silent.accept)
            with connection:
                began = self.reactor.seconds()
                await self.stop(service)
                self.assertLess(self.reactor.seconds() - began, 3.0)

    async def test_two_services_with_one_directory_order_once(self) -> None:
        authority = self.authority()
        self.holds = True
        one, other = (self.service(authority, challenge="http-01") for _ in range(2))
        one.startService()
        await self.until(lambda: self.held)
        other.startService()
        await self.until(lambda: other.status.error)
        self.assertRegex(str(other.status.error), f"another process is ordering in {self.directory}")
        await self.stop(one)
        self.assertEqual(authority.accounts, 1)
        self.assertEqual([Path(path).name for path in self.directory.glob("live/*")], [])
