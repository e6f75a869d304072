from django.urls import path

from contracts import statistics_views

urlpatterns = [
    path("statistics/", statistics_views.statistics, name="statistics"),
    path("statistics.csv", statistics_views.statistics_csv, name="statistics_table"),
]
