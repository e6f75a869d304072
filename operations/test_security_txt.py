import re
from datetime import UTC, datetime, timedelta

URL = "/.well-known/security.txt"


def test_security_txt_names_the_contact_and_the_canonical_url(signed_out, settings):
    settings.SECURITY_CONTACT, settings.APP_BASE_URL = "security@company.example", "https://privet.example"

    response = signed_out.get(URL)

    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert "Contact: mailto:security@company.example\n" in response.text
    assert f"Canonical: https://privet.example{URL}\n" in response.text


def test_security_txt_expires_in_three_to_twelve_months(signed_out):
    expires = datetime.fromisoformat(re.search(r"^Expires: (.+)$", signed_out.get(URL).text, re.MULTILINE)[1])

    assert timedelta(days=90) < expires - datetime.now(UTC) < timedelta(days=365)
