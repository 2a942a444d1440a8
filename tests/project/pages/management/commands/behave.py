"""A startup command that does what it is told, well or badly."""

from __future__ import annotations

import sys
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """``behave print|ask|fail|raise|exit|query``."""

    help = "Does what it is told."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One word, and a flag that Django's own commands have too."""
        parser.add_argument("how", choices=("print", "ask", "fail", "raise", "exit", "query"))
        parser.add_argument("--no-input", action="store_true")

    def handle(self, *, how: str, no_input: bool, **options: object) -> None:
        """Do it."""
        match how:
            case "print":
                self.stdout.write(self.style.SUCCESS("by Django's stream"))
                self.stderr.write("by Django's other stream")
                print("by print")
                print("by the other stream", file=sys.stderr)
                self.stdout.write(f"asked not to ask: {no_input}", ending="")
            case "ask":
                print(f"you said {input('Really? ')}")
            case "fail":
                self.stdout.write("so far")
                raise CommandError("it cannot\nbe done.")
            case "raise":
                raise LookupError("lost")
            case "exit":
                sys.exit(4)
            case "query":
                from pages.models import Article

                self.stdout.write(f"{Article.objects.count()} articles")
