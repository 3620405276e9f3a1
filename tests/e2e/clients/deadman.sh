#!/bin/sh
# Deadman-switch.md, "Example": both calls as the document prints them, with its key and its
# signatures; only the host is another one.
set -eu
key=LSCE7NJG-JACRNTBX-D834R4UG-KMMTV8OP-PS1NHRBA
times='countdownTime=10000&timestamp=1578304294001&recvWindow=1578303937000'
case $1 in
query)
    sign=29ff89378b9f33954b0f5319488190078f091c7723d886c5c2a4a0b06ef793d7
    sign=${sign}d3b99155d63410203a21355e5e2757cb4e566adbd67ec37b8257a68d8c72877c
    curl -sS --location -X POST "$REST_URL/tapi/countdownCancelAll?pair=btc_idr%2Ceth_idr&$times" \
        --header "Key: $key" \
        --header "Sign: $sign"
    ;;
body)
    sign=b4f03574d264ffbaa37eadd8460f50dbb9ae6f12d4852a46d8654d472838aaa1
    sign=${sign}de99248e958c904333e61738a00462d49f32bcd3258d8a3defca8c73b8d60d09
    curl -sS --location -X POST "$REST_URL/tapi/countdownCancelAll" \
        --header "Key: $key" \
        --header "Sign: $sign" \
        --header 'Content-Type: text/plain' \
        --data "pair=btc_idr,eth_idr&$times"
    ;;
esac
