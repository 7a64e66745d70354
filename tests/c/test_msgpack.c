// sources: fastpath/core/engine/msgpack.c fastpath/core/engine/request.c
/* MessagePack of the bus and its requests: every form both ways, and bytes that mean
 * harm: truncated, nested, lying about lengths, random. */
#include "check.h"
#include "engine/msgpack.h"
#include "engine/request.h"
#include <stdlib.h>

static struct fp_mp_writer w;

static int read_one(const char *bytes, size_t length, struct fp_mp_value *out) {
    struct fp_mp_reader reader = {(const uint8_t *)bytes, (const uint8_t *)bytes + length};
    return fp_mp_read(&reader, out);
}

#define READ(bytes, out) read_one(bytes, sizeof(bytes) - 1, out)

static void reads_every_form(void) {
    struct fp_mp_value v;
    CHECK(READ("\x7f", &v) == 0 && v.type == FP_MP_UINT && v.u == 127);
    CHECK(READ("\xcc\xff", &v) == 0 && v.u == 255);
    CHECK(READ("\xcd\x12\x34", &v) == 0 && v.u == 0x1234);
    CHECK(READ("\xce\x12\x34\x56\x78", &v) == 0 && v.u == 0x12345678);
    CHECK(READ("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", &v) == 0 && v.u == UINT64_MAX);
    CHECK(READ("\xff", &v) == 0 && v.type == FP_MP_INT && v.i == -1);
    CHECK(READ("\xd0\x80", &v) == 0 && v.i == -128);
    CHECK(READ("\xd0\x05", &v) == 0 && v.type == FP_MP_UINT && v.u == 5);
    CHECK(READ("\xd1\xff\x00", &v) == 0 && v.i == -256);
    CHECK(READ("\xd2\xff\xff\xff\xfe", &v) == 0 && v.i == -2);
    CHECK(READ("\xd3\x80\x00\x00\x00\x00\x00\x00\x00", &v) == 0 && v.i == INT64_MIN);
    CHECK(READ("\xc0", &v) == 0 && v.type == FP_MP_NIL);
    CHECK(READ("\xc2", &v) == 0 && v.type == FP_MP_BOOL && v.u == 0);
    CHECK(READ("\xc3", &v) == 0 && v.u == 1);
    CHECK(READ("\xa2hi", &v) == 0 && v.type == FP_MP_STR && v.length == 2);
    CHECK(READ("\xd9\x02hi", &v) == 0 && v.type == FP_MP_STR && v.length == 2);
    CHECK(READ("\xda\x00\x02hi", &v) == 0 && v.length == 2);
    CHECK(READ("\xdb\x00\x00\x00\x02hi", &v) == 0 && v.length == 2);
    CHECK(READ("\xc4\x01x", &v) == 0 && v.type == FP_MP_BIN && v.length == 1);
    CHECK(READ("\x92\x01\x02", &v) == 0 && v.type == FP_MP_ARRAY && v.length == 2);
    CHECK(READ("\x81\x01\x02", &v) == 0 && v.type == FP_MP_MAP && v.length == 1);
}

static void refuses_what_is_not_spoken_or_not_there(void) {
    struct fp_mp_value v;
    CHECK_EQ(READ("", &v), FP_E_TRUNCATED);
    CHECK_EQ(READ("\xcd\x12", &v), FP_E_TRUNCATED);
    CHECK_EQ(READ("\xa5hi", &v), FP_E_TRUNCATED);
    CHECK_EQ(READ("\xdb\xff\xff\xff\xffhi", &v), FP_E_TRUNCATED);
    CHECK_EQ(READ("\xdd\xff\xff\xff\xff", &v), FP_E_BAD_LENGTH);
    CHECK_EQ(READ("\xdf\xff\xff\xff\xff", &v), FP_E_BAD_LENGTH);
    CHECK_EQ(READ("\xca\x00\x00\x00\x00", &v), FP_E_UNKNOWN_TYPE);
    CHECK_EQ(READ("\xcb\x00\x00\x00\x00\x00\x00\x00\x00", &v), FP_E_UNKNOWN_TYPE);
    CHECK_EQ(READ("\xd4\x00\x00", &v), FP_E_UNKNOWN_TYPE);
    CHECK_EQ(READ("\xc1", &v), FP_E_UNKNOWN_TYPE);
}

static void skips_whole_values_to_a_depth(void) {
    const uint8_t nested[] = {0x91, 0x91, 0x91, 0x91, 0x01, 0x05}, deep[] = {0x91, 0x91, 0x91, 0x91, 0x91, 0x01};
    struct fp_mp_reader reader = {nested, nested + sizeof nested};
    struct fp_mp_value v;
    CHECK_EQ(fp_mp_skip(&reader), 0);
    CHECK(fp_mp_read(&reader, &v) == 0 && v.u == 5);
    reader = (struct fp_mp_reader){deep, deep + sizeof deep};
    CHECK_EQ(fp_mp_skip(&reader), FP_E_OVERSIZED);
}

static void writes_what_it_reads(void) {
    static const uint64_t numbers[] = {0, 1, 127, 128, 255, 256, 65535, 65536, UINT32_MAX, (uint64_t)UINT32_MAX + 1, UINT64_MAX};
    static const int64_t negatives[] = {-1, -32, -33, -128, -129, -40000, INT64_MIN};
    struct fp_mp_value v;
    CHECK_EQ(fp_mp_open(&w, 16, 1 << 20), 0);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) fp_mp_u64(&w, numbers[i]);
    for (size_t i = 0; i < sizeof negatives / sizeof *negatives; i++) fp_mp_i64(&w, negatives[i]);
    char text[70000];
    memset(text, 'x', sizeof text);
    static const size_t lengths[] = {0, 31, 32, 255, 256, 65535, 65536};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) fp_mp_strn(&w, text, lengths[i]);
    fp_mp_padded(&w, "AAPL    ", 8);
    fp_mp_padded(&w, "\0\0\0\0\0\0\0\0", 8);
    static const uint32_t sizes[] = {0, 15, 16, 65535};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fp_mp_array(&w, sizes[i]);
        for (uint32_t j = 0; j < sizes[i]; j++) fp_mp_nil(&w);
    }
    CHECK_EQ(w.error, 0);
    struct fp_mp_reader reader = {w.data, w.data + w.length};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) CHECK(fp_mp_read(&reader, &v) == 0 && v.type == FP_MP_UINT && v.u == numbers[i]);
    for (size_t i = 0; i < sizeof negatives / sizeof *negatives; i++) CHECK(fp_mp_read(&reader, &v) == 0 && v.type == FP_MP_INT && v.i == negatives[i]);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) CHECK(fp_mp_read(&reader, &v) == 0 && v.type == FP_MP_STR && v.length == lengths[i]);
    CHECK(fp_mp_read(&reader, &v) == 0 && v.length == 4 && memcmp(v.data, "AAPL", 4) == 0);
    CHECK(fp_mp_read(&reader, &v) == 0 && v.length == 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct fp_mp_reader before = reader;
        CHECK(fp_mp_read(&reader, &v) == 0 && v.type == FP_MP_ARRAY && v.length == sizes[i]);
        reader = before;
        CHECK_EQ(fp_mp_skip(&reader), 0);
    }
    CHECK(reader.at == reader.end);
    fp_mp_close(&w);
}

static void a_message_beyond_the_limit_is_an_error(void) {
    CHECK_EQ(fp_mp_open(&w, 8, 32), 0);
    for (int i = 0; i < 40; i++) fp_mp_u64(&w, 1);
    CHECK_EQ(w.error, FP_E_NO_ROOM);
    CHECK(w.length <= 32);
    fp_mp_reset(&w);
    size_t place = fp_mp_array_begin(&w);
    fp_mp_u64(&w, 7);
    fp_mp_array_end(&w, place, 1);
    CHECK_EQ(w.error, 0);
    CHECK_MEM(w.data, "\xdd\x00\x00\x00\x01\x07", 6);
    fp_mp_close(&w);
}

/* ---- requests ---- */

static struct fp_request request;

static void begin_request(const char *op, uint32_t more) {
    fp_mp_reset(&w);
    fp_mp_map(&w, 3 + more);
    fp_mp_key_u64(&w, "v", 1);
    fp_mp_key_u64(&w, "id", 77);
    fp_mp_key_str(&w, "op", op);
}

static int parse(void) {
    return fp_request_parse(w.data, w.length, &request);
}

static void put_order(void) {
    begin_request("submit", 10);
    fp_mp_key_str(&w, "account", "desk");
    fp_mp_key_str(&w, "agent", "a1");
    fp_mp_key_str(&w, "venue", "sim");
    fp_mp_key_str(&w, "symbol", "AAPL");
    fp_mp_key_str(&w, "side", "B");
    fp_mp_key_u64(&w, "quantity", 100);
    fp_mp_key_str(&w, "order_type", "limit");
    fp_mp_key_u64(&w, "price_e4", 1000000);
    fp_mp_key_str(&w, "tif", "day");
    fp_mp_key_str(&w, "client_order_id", "c-1");
}

static void reads_an_order(void) {
    CHECK_EQ(fp_mp_open(&w, 256, 65536), 0);
    put_order();
    CHECK_EQ(parse(), 0);
    CHECK_EQ(request.op, FP_OP_SUBMIT);
    CHECK_EQ(request.id, 77);
    CHECK_EQ(request.quantity, 100);
    CHECK_EQ(request.price_e4, 1000000);
    CHECK(strcmp(request.client_order_id, "c-1") == 0 && strcmp(request.symbol, "AAPL") == 0);
    CHECK(!fp_request_has(&request, FP_KEY_REASON_TEXT));
}

static void refused_with(uint16_t reason, const char *word) {
    CHECK_EQ(parse(), FP_E_BAD_FIELD);
    CHECK_EQ(request.reason, reason);
    CHECK_EQ(request.id, 77);
    if (!strstr(request.error, word)) printf("error text: %s\n", request.error);
    CHECK(strstr(request.error, word) != NULL);
}

static void refuses_by_name(void) {
    begin_request("bogus", 0);
    refused_with(FP_RC_MALFORMED, "bogus");
    begin_request("top", 0);
    refused_with(FP_RC_MALFORMED, "symbol");
    begin_request("state", 1);
    fp_mp_key_str(&w, "symbol", "AAPL");
    refused_with(FP_RC_MALFORMED, "symbol");
    begin_request("top", 2);
    fp_mp_key_str(&w, "symbol", "AAPL");
    fp_mp_key_str(&w, "symbl", "AAPL");
    refused_with(FP_RC_MALFORMED, "symbl");
    begin_request("top", 2);
    fp_mp_key_str(&w, "symbol", "AAPL");
    fp_mp_key_str(&w, "symbol", "MSFT");
    refused_with(FP_RC_MALFORMED, "twice");
    begin_request("top", 1);
    fp_mp_key_str(&w, "symbol", "TOOLONGSYMBOL");
    refused_with(FP_RC_SYMBOL, "symbol");
    begin_request("top", 1);
    fp_mp_key_u64(&w, "symbol", 5);
    refused_with(FP_RC_SYMBOL, "symbol");
    begin_request("top", 1);
    fp_mp_key_str(&w, "symbol", "A\nB");
    refused_with(FP_RC_SYMBOL, "symbol");
    begin_request("depth", 3);
    fp_mp_key_str(&w, "symbol", "AAPL");
    fp_mp_key_str(&w, "venue", "sim");
    fp_mp_key_i64(&w, "levels", -1);
    refused_with(FP_RC_MALFORMED, "levels");
    put_order();
    w.data[w.length - 3] = '\x01';
    CHECK_EQ(parse(), FP_E_BAD_FIELD);
    CHECK_EQ(request.reason, FP_RC_CLIENT_ORDER_ID);
}

static void the_id_comes_back_wherever_it_stands(void) {
    fp_mp_reset(&w);
    fp_mp_map(&w, 4);
    fp_mp_key_str(&w, "nonsense", "x");
    fp_mp_str(&w, "more");
    fp_mp_array(&w, 2);
    fp_mp_nil(&w);
    fp_mp_nil(&w);
    fp_mp_key_u64(&w, "v", 1);
    fp_mp_key_u64(&w, "id", 77);
    refused_with(FP_RC_MALFORMED, "nonsense");
}

static void refuses_other_shapes(void) {
    CHECK_EQ(fp_request_parse((const uint8_t *)"", 0, &request), FP_E_BAD_FIELD);
    CHECK_EQ(fp_request_parse((const uint8_t *)"\x01", 1, &request), FP_E_BAD_FIELD);
    CHECK_EQ(fp_request_parse((const uint8_t *)"\x80", 1, &request), FP_E_BAD_FIELD);
    CHECK_EQ(fp_request_parse((const uint8_t *)"\x80\x80", 2, &request), FP_E_BAD_FIELD);
    CHECK_EQ(fp_request_parse((const uint8_t *)"\x81\x01\x02", 3, &request), FP_E_BAD_FIELD);
    static uint8_t large[FP_REQUEST_MAX_BYTES + 1];
    CHECK_EQ(fp_request_parse(large, sizeof large, &request), FP_E_BAD_FIELD);
    CHECK(request.error[0] != 0);
}

/* Good requests cut and altered at every place, then noise. The sanitizers watch; a refusal must say something. */
static void survives_any_bytes(void) {
    put_order();
    size_t length = w.length;
    uint8_t good[1024];
    memcpy(good, w.data, length);
    uint64_t refused = 0, state = 7;
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1); /* so that a read beyond the end is seen */
        memcpy(exact, good, cut);
        CHECK_EQ(fp_request_parse(exact, cut, &request), FP_E_BAD_FIELD);
        CHECK(request.error[0] != 0 && request.reason != 0);
        free(exact);
    }
    for (int i = 0; i < 60000; i++) {
        size_t size = i & 1 ? length : (size_t)(i % 64);
        uint8_t *bytes = malloc(size ? size : 1);
        if (i & 1) memcpy(bytes, good, size);
        for (size_t j = 0; j < (i & 1 ? 3 : size); j++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            bytes[i & 1 ? (state >> 40) % size : j] = (uint8_t)(state >> 33);
        }
        if (fp_request_parse(bytes, size, &request) != 0) {
            refused++;
            if (!request.error[0] || !request.reason) CHECK(!"a refusal without a word");
        }
        free(bytes);
    }
    CHECK(refused > 30000);
    fp_mp_close(&w);
}

int main(void) {
    RUN(reads_every_form);
    RUN(refuses_what_is_not_spoken_or_not_there);
    RUN(skips_whole_values_to_a_depth);
    RUN(writes_what_it_reads);
    RUN(a_message_beyond_the_limit_is_an_error);
    RUN(reads_an_order);
    RUN(refuses_by_name);
    RUN(the_id_comes_back_wherever_it_stands);
    RUN(refuses_other_shapes);
    RUN(survives_any_bytes);
    return check_done();
}
