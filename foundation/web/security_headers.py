"""Security headers that Django does not set: denied browser features, and cross-origin embedding."""

from functools import wraps

# Photos are chosen or taken through a file field, which needs no permission.
DENIED_FEATURES = (
    "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid", "idle-detection", "magnetometer",
    "microphone", "midi", "payment", "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip
HEADERS = {
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in DENIED_FEATURES),
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not require-corp: photos come from the origin of the storage, which does not send the header. Needs no cookies.
    "Cross-Origin-Embedder-Policy": "credentialless",
}


def security_headers_middleware(get_response):
    """Set the headers. Must be the outermost middleware, to cover static files and early error responses."""

    def middleware(request):
        response = get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return middleware


def allow_cross_origin(view):
    """Decorator: pages of other origins may embed the view's response."""

    @wraps(view)
    def wrapped(*args, **kwargs):
        response = view(*args, **kwargs)
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    return wrapped
