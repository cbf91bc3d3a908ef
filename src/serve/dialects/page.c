/* GET / and what belongs to it: the page for people. It holds nothing secret and may load nothing from elsewhere. */
#include "serve/dialect.h"

#include <string.h>

extern const uint8_t tw_page_html[], tw_page_html_end[], tw_page_css[], tw_page_css_end[], tw_page_js[],
    tw_page_js_end[], tw_page_icon[], tw_page_icon_end[], tw_page_openapi[], tw_page_openapi_end[];

static const struct {
    const char *path, *type;
    const uint8_t *start, *end;
} assets[] = {
    {"/", "text/html; charset=utf-8", tw_page_html, tw_page_html_end},
    {"/page/page.css", "text/css; charset=utf-8", tw_page_css, tw_page_css_end},
    {"/page/page.js", "text/javascript; charset=utf-8", tw_page_js, tw_page_js_end},
    {"/page/icon.svg", "image/svg+xml", tw_page_icon, tw_page_icon_end},
    {"/openapi.json", "application/json", tw_page_openapi, tw_page_openapi_end},
};

static bool owns(const char *path)
{
    return strcmp(path, "/") == 0 || strcmp(path, "/openapi.json") == 0 || strncmp(path, "/page/", 6) == 0;
}

static bool begin(struct tw_exchange *exchange)
{
    struct tw_response *response = &exchange->response;
    const char *path = exchange->request.path;
    if (strcmp(exchange->request.method, "GET") != 0 && strcmp(exchange->request.method, "HEAD") != 0)
        return tw_refuse(exchange, 405, "%s takes GET", path);
    for (size_t i = 0; i < sizeof assets / sizeof *assets; i++) {
        if (strcmp(path, assets[i].path) != 0)
            continue;
        response->code = 200;
        response->content_type = assets[i].type;
        response->fixed = tw_span_of(assets[i].start, (size_t)(assets[i].end - assets[i].start));
        return tw_response_header(
                   exchange, "Content-Security-Policy", "%s",
                   "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
                   "media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
                   "frame-ancestors 'none'") &&
               tw_response_header(exchange, "Permissions-Policy", "%s", "camera=(self), microphone=(), geolocation=()");
    }
    return tw_refuse(exchange, 404, "there is nothing at this address");
}

static void refuse(struct tw_exchange *exchange)
{
    exchange->response.content_type = "text/plain; charset=utf-8";
    (void)!tw_response_text(exchange, "%s\n", exchange->refusal);
}

const struct tw_dialect tw_dialect_page = {
    .name = "page", .owns = owns, .is_public = owns, .begin = begin, .refuse = refuse};
