from django.urls import path

from clients.onboarding import CONTRACT
from contracts import confirmation_views, payment_views, views

app_name = "contracts"

urlpatterns = [
    path(CONTRACT.route, views.contract, name=CONTRACT.slug),
    path(f"{CONTRACT.route}kept/", views.restoration, name="kept"),
    path(f"{CONTRACT.route}link/", views.link, name="link"),
    path(f"{CONTRACT.route}code/", views.code, name="code"),
    path(f"{CONTRACT.route}code/delivery/", views.code_delivery, name="code_delivery"),
    path(f"{CONTRACT.route}signature/", views.signature, name="signature"),
    path("clients/<uuid:pk>/done/", payment_views.done, name="done"),
    path("clients/<uuid:pk>/payment/dismissal/", payment_views.payment_dismissal, name="payment_dismissal"),
    path("clients/<uuid:pk>/invoice/", payment_views.invoice, name="invoice"),
    path("clients/<uuid:pk>/card/", payment_views.card, name="card"),
    path("clients/<uuid:pk>/notes/", payment_views.notes, name="notes"),
    path("contracts/<uuid:pk>/pdf/", views.contract_pdf, name="pdf"),
    path("invoices/<uuid:pk>/payment/", confirmation_views.payment, name="payment"),
    path("invoices/<uuid:pk>/payment/undo/", confirmation_views.payment_undo, name="payment_undo"),
    path("invoices/<uuid:pk>/code/", payment_views.invoice_code, name="invoice_code"),
    path("invoices/<uuid:pk>/pdf/", payment_views.invoice_pdf, name="invoice_pdf"),
]
