app_name = "passport"

urlpatterns = []
