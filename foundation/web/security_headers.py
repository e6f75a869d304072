"""What every answer tells the browser beside Django's own headers: who may embed it, and that it needs no device."""

from functools import wraps

# Photos are chosen or taken through a file field, which asks for no permission.
DENIED_FEATURES = (
    "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid", "idle-detection", "magnetometer",
    "microphone", "midi", "payment", "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip
HEADERS = {
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in DENIED_FEATURES),
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not require-corp: photos come from the storage's own origin, which sends no such header. They need no cookies.
    "Cross-Origin-Embedder-Policy": "credentialless",
}


def security_headers_middleware(get_response):
    """Outside of everything that answers, static files and refusals at the door included."""

    def middleware(request):
        response = get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return middleware


def allow_cross_origin(view):
    """A view whose answer pages of other origins may embed."""

    @wraps(view)
    def wrapped(*args, **kwargs):
        response = view(*args, **kwargs)
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    return wrapped
