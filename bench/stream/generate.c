/* A deterministic, realistic ITCH 5.0 day in miniature, written as BinaryFILE (u16
 * big-endian length, message). Usage: generate FILE MESSAGES SEED [SYMBOLS [PEAK]]
 *
 * Mix: A+F 44.2 %, D 42.9, U 7.6, E 1.9, I 1.3, X 1.0, L 0.5, P 0.4, C 0.2. Symbols have
 * a heavy-tailed activity; references rise with a mean step of 1.7; 70 % of the adds go
 * to the first two levels, 8 % open a level; the live orders climb to PEAK in the first
 * third, stay, and leave in the last. Every reference resolves and no book ever crosses:
 * the program keeps the books it writes about. It is a benchmark's input, not a market. */
#include "../../fastpath/core/wire/itch_layout.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { TICK_E4 = 100, MAX_LEVELS = 550, BID = 0, ASK = 1 };

struct level {
    uint32_t price_e4, orders;
};

/* Best at the back. */
struct side {
    struct level level[MAX_LEVELS];
    int count;
};

struct order {
    uint64_t ref;
    uint32_t price_e4, shares;
    uint8_t side;
};

struct symbol {
    struct side side[2];
    struct order *orders;
    uint32_t live, room;
    uint32_t middle_e4; /* where an empty book begins again */
    char name[9];
};

static FILE *out;
static uint64_t random_state[2];
static struct symbol *symbols;
static uint32_t symbol_count, *alias;
static double *threshold;
static int deepest;
static uint64_t next_ref = 1, next_match = 1, now_ns = 14400000000000u, step_ns, live_total, written;
static uint8_t bytes[64];

static uint64_t next_random(void) {
    uint64_t a = random_state[0], b = random_state[1], result = a + b;
    b ^= a;
    random_state[0] = (a << 24 | a >> 40) ^ b ^ b << 16;
    random_state[1] = b << 37 | b >> 27;
    return result;
}

static double uniform(void) {
    return (double)(next_random() >> 11) * 0x1p-53;
}

static uint32_t below(uint32_t n) {
    return (uint32_t)((next_random() >> 32) * n >> 32);
}

/* 0, 1, 2 ... each further with probability p. */
static uint32_t geometric(double p) {
    uint32_t n = 0;
    while (n < 1000 && uniform() < p)
        n++;
    return n;
}

static void *need(void *memory) {
    if (!memory) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

static void send(char type, uint32_t locate, uint8_t length) {
    uint8_t prefix[2];
    bytes[0] = (uint8_t)type;
    fp_store_be16(bytes + 1, (uint16_t)locate);
    fp_store_be16(bytes + 3, (uint16_t)written);
    now_ns += step_ns / 2 + below((uint32_t)step_ns + 1);
    fp_store_be48(bytes + 5, now_ns);
    fp_store_be16(prefix, length);
    if (fwrite(prefix, 2, 1, out) != 1 || fwrite(bytes, length, 1, out) != 1) {
        perror("write");
        exit(1);
    }
    written++;
    memset(bytes, ' ', sizeof bytes);
}

/* Walker's alias table over weights 1 / (rank + 4): the first of 8,000 symbols has 3 % of the messages. */
static void weigh(void) {
    double *weight = need(malloc(symbol_count * sizeof *weight)), sum = 0;
    uint32_t *small = need(malloc(symbol_count * sizeof *small)), *large = need(malloc(symbol_count * sizeof *large)), s = 0, l = 0;
    for (uint32_t i = 0; i < symbol_count; i++)
        sum += weight[i] = 1.0 / (i + 4);
    for (uint32_t i = 0; i < symbol_count; i++) {
        weight[i] *= symbol_count / sum;
        if (weight[i] < 1)
            small[s++] = i;
        else
            large[l++] = i;
    }
    for (uint32_t i = 0; i < symbol_count; i++) {
        threshold[i] = 1;
        alias[i] = i;
    }
    while (s && l) {
        uint32_t a = small[--s], b = large[l - 1];
        threshold[a] = weight[a];
        alias[a] = b;
        weight[b] -= 1 - weight[a];
        if (weight[b] < 1)
            small[s++] = large[--l];
    }
    free(weight);
    free(small);
    free(large);
}

static uint32_t pick_symbol(void) {
    uint32_t i = below(symbol_count);
    return uniform() < threshold[i] ? i : alias[i];
}

static int better(int side, uint32_t a, uint32_t b) {
    return side == BID ? a > b : a < b;
}

static uint32_t away(int side, uint32_t price_e4, uint32_t ticks) { /* from the best, into the book */
    return side == BID ? price_e4 - ticks * TICK_E4 : price_e4 + ticks * TICK_E4;
}

static void level_add(struct side *s, int side, uint32_t price_e4) {
    int i = s->count;
    while (i && better(side, s->level[i - 1].price_e4, price_e4))
        i--;
    if (i && s->level[i - 1].price_e4 == price_e4) {
        s->level[i - 1].orders++;
        return;
    }
    memmove(&s->level[i + 1], &s->level[i], (size_t)(s->count - i) * sizeof *s->level);
    s->level[i] = (struct level){price_e4, 1};
    s->count++;
    deepest = s->count > deepest ? s->count : deepest;
}

static void level_remove(struct side *s, uint32_t price_e4) {
    int i = s->count - 1;
    while (s->level[i].price_e4 != price_e4)
        i--;
    if (--s->level[i].orders)
        return;
    s->count--;
    memmove(&s->level[i], &s->level[i + 1], (size_t)(s->count - i) * sizeof *s->level);
}

/* A price for a new order that crosses nothing. */
static uint32_t pick_price(const struct symbol *symbol, int side) {
    const struct side *s = &symbol->side[side], *far = &symbol->side[!side];
    uint32_t opposite = far->count ? far->level[far->count - 1].price_e4 : 0;
    if (!s->count) {
        uint32_t ticks = 1 + geometric(0.5), room = opposite / TICK_E4 - 1; /* an ask is never below two ticks, so a bid has room */
        if (!opposite)
            return away(side, symbol->middle_e4, 1 + below(3));
        return away(side, opposite, side == BID && ticks > room ? room : ticks);
    }
    uint32_t best = s->level[s->count - 1].price_e4;
    double u = uniform();
    if (u < 0.08 && s->count < MAX_LEVELS - 1) { /* open a level: inside the spread, in a hole, or behind the worst */
        uint32_t inside = away(!side, best, 1), behind = away(side, s->level[0].price_e4, 1 + geometric(0.6));
        if (uniform() < 0.3 && (!opposite || better(side, opposite, inside)) && inside >= 20 * TICK_E4 && inside < 1500000000)
            return inside;
        for (int i = s->count - 1, tries = 8; i > 0 && tries; i--, tries--)
            if (away(side, s->level[i].price_e4, 1) != s->level[i - 1].price_e4)
                return away(side, s->level[i].price_e4, 1);
        if (behind > 10 * TICK_E4 && behind < 1500000000)
            return behind;
    }
    int depth = u < 0.78 ? (int)below(2) : 2 + (int)geometric(0.75);
    if (depth >= s->count)
        depth = (int)below((uint32_t)s->count);
    return s->level[s->count - 1 - depth].price_e4;
}

static uint32_t pick_shares(void) {
    return uniform() < 0.6 ? 100 : 1 + below(uniform() < 0.9 ? 400 : 5000);
}

static uint64_t take_ref(void) {
    uint64_t ref = next_ref;
    next_ref += 1 + geometric(0.7 / 1.7);
    return ref;
}

static void keep(struct symbol *symbol, struct order order) {
    if (symbol->live == symbol->room) {
        symbol->room = symbol->room ? symbol->room * 2 : 16;
        symbol->orders = need(realloc(symbol->orders, symbol->room * sizeof *symbol->orders));
    }
    symbol->orders[symbol->live++] = order;
    level_add(&symbol->side[order.side], order.side, order.price_e4);
    live_total++;
}

static void drop(struct symbol *symbol, uint32_t index) {
    level_remove(&symbol->side[symbol->orders[index].side], symbol->orders[index].price_e4);
    symbol->live--;
    memmove(&symbol->orders[index], &symbol->orders[index + 1], (symbol->live - index) * sizeof *symbol->orders);
    live_total--;
}

static void add(uint32_t locate) {
    struct symbol *symbol = &symbols[locate - 1];
    int side = (int)below(2), attributed = uniform() < 0.01;
    struct order order = {take_ref(), pick_price(symbol, side), pick_shares(), (uint8_t)side};
    fp_store_be64(bytes + FP_ITCH_ADD_ORDER_ORDER_REF, order.ref);
    bytes[FP_ITCH_ADD_ORDER_SIDE] = side == BID ? 'B' : 'S';
    fp_store_be32(bytes + FP_ITCH_ADD_ORDER_SHARES, order.shares);
    memcpy(bytes + FP_ITCH_ADD_ORDER_STOCK, symbol->name, 8);
    fp_store_be32(bytes + FP_ITCH_ADD_ORDER_PRICE_E4, order.price_e4);
    if (attributed)
        memcpy(bytes + FP_ITCH_ADD_ORDER_MPID_ATTRIBUTION, "NSDQ", 4);
    send(attributed ? 'F' : 'A', locate, attributed ? FP_ITCH_ADD_ORDER_MPID_LEN : FP_ITCH_ADD_ORDER_LEN);
    keep(symbol, order);
}

/* The young die first: 80 % of the ends fall on the newest 64 orders of the symbol. */
static uint32_t pick_order(const struct symbol *symbol) {
    uint32_t young = symbol->live < 64 ? symbol->live : 64;
    return uniform() < 0.8 ? symbol->live - 1 - below(young) : below(symbol->live);
}

static uint32_t pick_best_order(const struct symbol *symbol) {
    for (int tries = 0; tries < 64; tries++) {
        uint32_t i = pick_order(symbol);
        const struct side *s = &symbol->side[symbol->orders[i].side];
        if (s->level[s->count - 1].price_e4 == symbol->orders[i].price_e4)
            return i;
    }
    return pick_order(symbol);
}

static void reduce(char type, uint32_t locate) {
    struct symbol *symbol = &symbols[locate - 1];
    uint32_t i = type == 'E' || type == 'C' ? pick_best_order(symbol) : pick_order(symbol);
    struct order *order = &symbol->orders[i];
    fp_store_be64(bytes + FP_ITCH_ORDER_DELETE_ORDER_REF, order->ref);
    if (type == 'D') {
        send('D', locate, FP_ITCH_ORDER_DELETE_LEN);
        drop(symbol, i);
        return;
    }
    uint32_t shares = type != 'X' && uniform() < 0.6 ? order->shares : 1 + below(order->shares);
    if (type == 'X' && shares == order->shares && shares > 1)
        shares--;
    fp_store_be32(bytes + FP_ITCH_ORDER_CANCEL_SHARES, shares);
    fp_store_be64(bytes + FP_ITCH_ORDER_EXECUTED_MATCH_NUMBER, next_match);
    next_match += type != 'X';
    if (type == 'C') {
        bytes[FP_ITCH_ORDER_EXECUTED_WITH_PRICE_PRINTABLE] = uniform() < 0.5 ? 'Y' : 'N';
        fp_store_be32(bytes + FP_ITCH_ORDER_EXECUTED_WITH_PRICE_EXECUTION_PRICE_E4, order->price_e4 + TICK_E4 / 2);
    }
    send(type, locate, type == 'X' ? FP_ITCH_ORDER_CANCEL_LEN : type == 'E' ? FP_ITCH_ORDER_EXECUTED_LEN : FP_ITCH_ORDER_EXECUTED_WITH_PRICE_LEN);
    order->shares -= shares;
    if (!order->shares)
        drop(symbol, i);
}

static void replace(uint32_t locate) {
    struct symbol *symbol = &symbols[locate - 1];
    uint32_t i = pick_order(symbol);
    struct order order = symbol->orders[i];
    fp_store_be64(bytes + FP_ITCH_ORDER_REPLACE_ORDER_REF, order.ref);
    drop(symbol, i);
    order = (struct order){take_ref(), pick_price(symbol, order.side), pick_shares(), order.side};
    fp_store_be64(bytes + FP_ITCH_ORDER_REPLACE_NEW_ORDER_REF, order.ref);
    fp_store_be32(bytes + FP_ITCH_ORDER_REPLACE_SHARES, order.shares);
    fp_store_be32(bytes + FP_ITCH_ORDER_REPLACE_PRICE_E4, order.price_e4);
    send('U', locate, FP_ITCH_ORDER_REPLACE_LEN);
    keep(symbol, order);
}

static uint32_t middle_price(const struct symbol *symbol) {
    for (int side = BID; side <= ASK; side++)
        if (symbol->side[side].count)
            return symbol->side[side].level[symbol->side[side].count - 1].price_e4;
    return symbol->middle_e4;
}

static void other(char type, uint32_t locate) {
    struct symbol *symbol = &symbols[locate - 1];
    if (type == 'L') {
        memcpy(bytes + FP_ITCH_MARKET_PARTICIPANT_POSITION_MPID, "NSDQ", 4);
        memcpy(bytes + FP_ITCH_MARKET_PARTICIPANT_POSITION_STOCK, symbol->name, 8);
        memcpy(bytes + FP_ITCH_MARKET_PARTICIPANT_POSITION_PRIMARY_MARKET_MAKER, "YNA", 3);
        send('L', locate, FP_ITCH_MARKET_PARTICIPANT_POSITION_LEN);
        return;
    }
    uint32_t price_e4 = middle_price(symbol);
    if (type == 'P') {
        fp_store_be64(bytes + FP_ITCH_TRADE_ORDER_REF, 0);
        bytes[FP_ITCH_TRADE_SIDE] = 'B';
        fp_store_be32(bytes + FP_ITCH_TRADE_SHARES, pick_shares());
        memcpy(bytes + FP_ITCH_TRADE_STOCK, symbol->name, 8);
        fp_store_be32(bytes + FP_ITCH_TRADE_PRICE_E4, price_e4);
        fp_store_be64(bytes + FP_ITCH_TRADE_MATCH_NUMBER, next_match++);
        send('P', locate, FP_ITCH_TRADE_LEN);
        return;
    }
    fp_store_be64(bytes + FP_ITCH_NOII_PAIRED_SHARES, below(100000));
    fp_store_be64(bytes + FP_ITCH_NOII_IMBALANCE_SHARES, below(10000));
    bytes[FP_ITCH_NOII_IMBALANCE_DIRECTION] = "BSN"[below(3)];
    memcpy(bytes + FP_ITCH_NOII_STOCK, symbol->name, 8);
    fp_store_be32(bytes + FP_ITCH_NOII_FAR_PRICE_E4, price_e4);
    fp_store_be32(bytes + FP_ITCH_NOII_NEAR_PRICE_E4, price_e4);
    fp_store_be32(bytes + FP_ITCH_NOII_CURRENT_REF_PRICE_E4, price_e4);
    memcpy(bytes + FP_ITCH_NOII_CROSS_TYPE, "O1", 2);
    send('I', locate, FP_ITCH_NOII_LEN);
}

static void announce(void) {
    bytes[FP_ITCH_SYSTEM_EVENT_EVENT_CODE] = 'O';
    send('S', 0, FP_ITCH_SYSTEM_EVENT_LEN);
    for (uint32_t locate = 1; locate <= symbol_count; locate++) {
        struct symbol *symbol = &symbols[locate - 1];
        memcpy(bytes + FP_ITCH_STOCK_DIRECTORY_STOCK, symbol->name, 8);
        bytes[FP_ITCH_STOCK_DIRECTORY_MARKET_CATEGORY] = 'Q';
        bytes[FP_ITCH_STOCK_DIRECTORY_FINANCIAL_STATUS] = 'N';
        fp_store_be32(bytes + FP_ITCH_STOCK_DIRECTORY_ROUND_LOT_SIZE, 100);
        memcpy(bytes + FP_ITCH_STOCK_DIRECTORY_ROUND_LOTS_ONLY, "NCZ PNN1N", 9);
        fp_store_be32(bytes + FP_ITCH_STOCK_DIRECTORY_ETP_LEVERAGE_FACTOR, 0);
        bytes[FP_ITCH_STOCK_DIRECTORY_INVERSE_INDICATOR] = 'N';
        send('R', locate, FP_ITCH_STOCK_DIRECTORY_LEN);
        memcpy(bytes + FP_ITCH_STOCK_TRADING_ACTION_STOCK, symbol->name, 8);
        bytes[FP_ITCH_STOCK_TRADING_ACTION_TRADING_STATE] = 'T';
        send('H', locate, FP_ITCH_STOCK_TRADING_ACTION_LEN);
    }
    bytes[FP_ITCH_SYSTEM_EVENT_EVENT_CODE] = 'Q';
    send('S', 0, FP_ITCH_SYSTEM_EVENT_LEN);
}

/* A symbol that has orders; the active ones first, then anyone. 0 when there is none at all. */
static uint32_t pick_live_symbol(void) {
    for (int tries = 0; tries < 16; tries++) {
        uint32_t i = pick_symbol();
        if (symbols[i].live)
            return i + 1;
    }
    uint32_t first = below(symbol_count);
    for (uint32_t k = 0; k < symbol_count; k++)
        if (symbols[(first + k) % symbol_count].live)
            return (first + k) % symbol_count + 1;
    return 0;
}

static void one(double progress, double drift) {
    double add_share = 0.442, delete_share = 0.429, u = uniform();
    drift *= progress < 1 / 3.0 ? 1 : progress < 2 / 3.0 ? 0 : -1;
    add_share += drift;
    delete_share -= drift;
    if ((u -= add_share) < 0) {
        add(pick_symbol() + 1);
        return;
    }
    static const struct { char type; double share; } rest[] = {
        {'U', 0.076}, {'E', 0.019}, {'I', 0.013}, {'X', 0.010}, {'L', 0.005}, {'P', 0.004}, {'C', 0.002}};
    char type = 'D';
    if ((u -= delete_share) >= 0)
        for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
            if ((u -= rest[i].share) < 0) {
                type = rest[i].type;
                break;
            }
    if (type == 'I' || type == 'L' || type == 'P') {
        other(type, pick_symbol() + 1);
        return;
    }
    uint32_t locate = pick_live_symbol();
    if (!locate)
        add(pick_symbol() + 1);
    else if (type == 'U')
        replace(locate);
    else
        reduce(type, locate);
}

int main(int argc, char **argv) {
    if (argc < 4 || argc > 6) {
        fprintf(stderr, "usage: %s FILE MESSAGES SEED [SYMBOLS [PEAK]]\n", argv[0]);
        return 2;
    }
    uint64_t messages = strtoull(argv[2], NULL, 10), seed = strtoull(argv[3], NULL, 10);
    symbol_count = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 8000;
    uint64_t peak = argc > 5 ? strtoull(argv[5], NULL, 10) : messages / 10;
    if (!symbol_count || symbol_count > 65535 || messages < 3 * (uint64_t)symbol_count || peak > messages / 8) {
        fprintf(stderr, "need 1..65535 symbols, at least 3 messages for each, and a peak of at most an eighth of the messages\n");
        return 2;
    }
    random_state[0] = seed * 0x9e3779b97f4a7c15u + 1;
    random_state[1] = seed ^ 0xd1b54a32d192ed03u;
    for (int i = 0; i < 16; i++)
        next_random();
    symbols = need(calloc(symbol_count, sizeof *symbols));
    alias = need(malloc(symbol_count * sizeof *alias));
    threshold = need(malloc(symbol_count * sizeof *threshold));
    weigh();
    uint32_t *rank = need(malloc(symbol_count * sizeof *rank)); /* activity does not follow the locate */
    for (uint32_t i = 0; i < symbol_count; i++) {
        snprintf(symbols[i].name, sizeof symbols[i].name, "%c%c%c%c%-4s", 'A' + i / 17576 % 26, 'A' + i / 676 % 26, 'A' + i / 26 % 26, 'A' + i % 26, "");
        symbols[i].middle_e4 = (uint32_t)exp(log(50000) + uniform() * log(100)) / TICK_E4 * TICK_E4; /* $5 to $500 */
        rank[i] = i;
    }
    for (uint32_t i = symbol_count - 1; i; i--) {
        uint32_t k = below(i + 1), keep_rank = rank[i];
        rank[i] = rank[k];
        rank[k] = keep_rank;
    }
    double *shuffled = need(malloc(symbol_count * sizeof *shuffled));
    uint32_t *shuffled_alias = need(malloc(symbol_count * sizeof *shuffled_alias));
    for (uint32_t i = 0; i < symbol_count; i++) {
        shuffled[rank[i]] = threshold[i];
        shuffled_alias[rank[i]] = rank[alias[i]];
    }
    memcpy(threshold, shuffled, symbol_count * sizeof *threshold);
    memcpy(alias, shuffled_alias, symbol_count * sizeof *alias);
    out = fopen(argv[1], "wb");
    if (!out) {
        perror(argv[1]);
        return 1;
    }
    setvbuf(out, NULL, _IOFBF, 1 << 20);
    memset(bytes, ' ', sizeof bytes);
    step_ns = 57600000000000u / (messages + 1);
    announce();
    uint64_t first = written, body = messages - first, most = 0;
    double drift = (double)peak / ((double)body / 3) / 2;
    while (written < messages) {
        one((double)(written - first) / (double)body, drift);
        most = live_total > most ? live_total : most;
    }
    if (fclose(out)) {
        perror(argv[1]);
        return 1;
    }
    for (uint32_t i = 0; i < symbol_count; i++)
        free(symbols[i].orders);
    printf("{\"messages\": %llu, \"symbols\": %u, \"seed\": %llu, \"peak_live_orders\": %llu, \"last_ref\": %llu, \"deepest_side\": %d}\n",
           (unsigned long long)written, symbol_count, (unsigned long long)seed, (unsigned long long)most, (unsigned long long)next_ref, deepest);
    free(symbols);
    free(alias);
    free(threshold);
    free(rank);
    free(shuffled);
    free(shuffled_alias);
    return 0;
}
