"""The form that people sign with."""

from __future__ import annotations

from django import forms

from duck_tx.welcome.guestbook.models import Entry


class EntryForm(forms.ModelForm):
    """A name and a message."""

    class Meta:
        model = Entry
        fields = ("name", "message")
        labels = {"name": "Your name", "message": "A few words"}  # noqa: RUF012 -- as Django wants it
        widgets = {  # noqa: RUF012
            "name": forms.TextInput(attrs={"autocomplete": "name"}),
            "message": forms.Textarea(attrs={"rows": 3}),
        }
