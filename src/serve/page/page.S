/* The page's files, as they lie here. */
    .section .rodata
    .macro asset name, file
    .global \name
\name:
    .incbin "\file"
    .global \name\()_end
\name\()_end:
    .byte 0
    .endm
    asset tw_page_html, TW_PAGE_HTML
    asset tw_page_css, TW_PAGE_CSS
    asset tw_page_js, TW_PAGE_JS
    asset tw_page_icon, TW_PAGE_ICON
    asset tw_page_openapi, TW_PAGE_OPENAPI
    .section .note.GNU-stack, "", %progbits
