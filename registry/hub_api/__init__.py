"""The Hub-compatible surface: what an unmodified `huggingface_hub` needs with only `HF_ENDPOINT` set.

`routes` are mounted by the composition root; `handle_http_exception` answers what the framework refuses
where `is_hub_path` says that a Hub client is asking.
"""

from registry.hub_api.domain import is_hub_path
from registry.hub_api.errors import handle_http_exception, refuse_nul
from registry.hub_api.resolve import FileRoute, files_first
from registry.hub_api.routes import routes

__all__ = ["FileRoute", "files_first", "handle_http_exception", "is_hub_path", "refuse_nul", "routes"]
