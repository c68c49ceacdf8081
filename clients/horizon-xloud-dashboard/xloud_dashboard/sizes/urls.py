from django.urls import re_path

from xloud_dashboard.sizes import views

urlpatterns = [
    re_path(r'^$', views.IndexView.as_view(), name='index'),
    re_path(r'^(?P<server_id>[^/]+)/adjust$', views.AdjustView.as_view(), name='adjust'),
]
