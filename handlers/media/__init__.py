"""What media servers say and ask: nginx-rtmp's hooks and Tencent's callbacks, one surface for each.

Data and thin functions over ``engine.streams``. The two stand behind different doors, because one of them has no
credential and the other comes over the internet (ADR 5).
"""

from handlers.media import css, nginx
from handlers.media.access import unsigned
from handlers.media.options import CssOptions, NginxOptions

__all__ = ["CssOptions", "NginxOptions", "css_surface", "nginx_surface", "unsigned"]

nginx_surface = nginx.surface
css_surface = css.surface
