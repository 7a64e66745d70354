/* Losing the connection and losing the process: orders in doubt, the session's patience,
 * what a fold refuses. The scripted day that is killed after every record is test_order_day.c. */
// sources: fastpath/core/order/oms.c fastpath/core/order/table.c fastpath/core/order/position.c fastpath/core/order/risk.c
// sources: fastpath/core/order/lifecycle.c fastpath/core/order/messages.c fastpath/core/order/cancel.c fastpath/core/order/session.c fastpath/core/order/recovery.c
// sources: fastpath/core/order/owed.c fastpath/core/order/trigger.c fastpath/core/order/enter.c fastpath/core/order/audit.c
// sources: fastpath/core/wire/soup.c fastpath/core/wire/ouch.c fastpath/core/wire/layout.c
#include "order_rig.h"

static struct rig r;

/* ---- in doubt ---- */

static void never_received_is_lost(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
    rig_cut(&r, 0); /* its bytes were queued and never sent */
    CHECK(rig_get(&r, "a").flags & FP_XF_IN_DOUBT);
    CHECK_EQ(rig_count(&r, FP_EX_IN_DOUBT), 1);
    CHECK_EQ(rig_position(&r).open_buy_shares, 100); /* its reservation stays while nobody knows */
    CHECK_EQ(rig_submit(&r, "b", 'B', 100, 1500000), FP_RC_SESSION_DOWN);
    rig_connect(&r, 0);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_LOST);
    CHECK_EQ(rig_count(&r, FP_EX_LOST), 1);
    CHECK_EQ(rig_position(&r).open_buy_shares, 0);
    CHECK_EQ(r.venues[0]->enters_seen, 0); /* and was not sent behind anybody's back */
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
    CHECK_EQ(r.reply.outcome, FP_OUT_REPLAYED);
    CHECK_EQ(r.reply.order.state, FP_OS_LOST);
    CHECK_EQ(rig_submit(&r, "a2", 'B', 100, 1500000), 0);
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a2").state, FP_OS_LIVE);
    uint64_t hash = fp_oms_state_hash(r.oms);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    CHECK(fp_oms_state_hash(r.oms) == hash);
    CHECK_EQ(r.oms->venues[0].stats.anomalies, 0);
    rig_end(&r);
}

static void received_but_unanswered_is_found_in_the_replay(void) {
    for (int restart = 0; restart < 2; restart++) {
        rig_start(&r);
        CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
        const uint8_t *bytes;
        size_t n = fp_oms_out(r.oms, 0, &bytes);
        venue_feed(r.venues[0], bytes, n); /* the venue has it; its answer does not reach us */
        venue_fill(r.venues[0], rig_get(&r, "a").urn, 30, 1500000);
        if (restart)
            CHECK_EQ(rig_restart(&r, r.entry_count), 0);
        else
            rig_cut(&r, 0);
        CHECK(rig_get(&r, "a").flags & FP_XF_IN_DOUBT);
        rig_connect(&r, 0);
        CHECK_EQ(rig_get(&r, "a").state, FP_OS_LIVE);
        CHECK_EQ(rig_get(&r, "a").flags & FP_XF_IN_DOUBT, 0);
        CHECK_EQ(rig_get(&r, "a").cum_shares, 30);
        CHECK(rig_last(&r, FP_EX_FILL).flags & FP_XF_RECOVERED);
        CHECK_EQ(r.venues[0]->enters_seen, 1);
        CHECK_EQ(r.oms->venues[0].stats.anomalies, 0);
        rig_end(&r);
    }
}

static void consumed_but_never_answered_stays_in_doubt(void) {
    rig_start(&r);
    r.venues[0]->quiet = 1;
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
    rig_pump(&r);
    r.venues[0]->quiet = 0;
    rig_cut(&r, 0);
    rig_connect(&r, 0); /* the venue's next number is behind it, but its answer is nowhere */
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_SENT);
    CHECK(rig_get(&r, "a").flags & FP_XF_IN_DOUBT);
    CHECK(rig_get(&r, "a").flags & FP_XF_ANOMALY);
    CHECK_EQ(rig_position(&r).open_buy_shares, 100);
    venue_accept(r.venues[0], venue_find(r.venues[0], 1), 'L'); /* late, but it comes */
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_LIVE);
    rig_end(&r);
}

static void lost_and_found(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
    rig_cut(&r, 0);
    rig_connect(&r, 0);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_LOST);
    struct venue_order ghost = {.urn = rig_get(&r, "a").urn, .leaves = 100, .total = 100, .price_e4 = 1500000, .side = 'B', .tif = '0'};
    memcpy(ghost.symbol, RIG_SYMBOLS[0], 8);
    fp_clordid_put(rig_get(&r, "a").order_id, ghost.cl_ord_id);
    venue_accept(r.venues[0], &ghost, 'L'); /* a venue that said it never had it: believed, and an alarm */
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_LIVE);
    CHECK_EQ(rig_get(&r, "a").leaves, 100);
    CHECK_EQ(r.oms->venues[0].stats.anomalies, 1);
    rig_end(&r);
}

static void found_behind_a_kill_switch_it_goes(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
    struct venue_order *ghost = &r.venues[0]->orders[r.venues[0]->order_count++];
    *ghost = (struct venue_order){.urn = rig_get(&r, "a").urn, .leaves = 100, .total = 100, .price_e4 = 1500000, .side = 'B', .tif = '0'};
    memcpy(ghost->symbol, RIG_SYMBOLS[0], 8);
    fp_clordid_put(rig_get(&r, "a").order_id, ghost->cl_ord_id);
    rig_cut(&r, 0);
    rig_connect(&r, 0);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_LOST);
    struct fp_command c = rig_order(&r, "", 0, 0, 0);
    c.kind = FP_CMD_KILL;
    c.kill_scope = FP_KILL_ACCOUNT;
    CHECK_EQ(rig_do(&r, &c), 0);
    CHECK_EQ(r.reply.count, 0); /* it had ended, so the switch did not see it */
    venue_accept(r.venues[0], ghost, 'L');
    rig_pump(&r);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_CANCELED);
    rig_end(&r);
}

static void replaces_in_doubt(void) {
    /* never received: the original stays */
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
    rig_pump(&r);
    CHECK_EQ(rig_replace(&r, "a", "b", 200, 1499900), 0);
    rig_cut(&r, 0);
    rig_connect(&r, 0);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_LIVE);
    CHECK_EQ(rig_get(&r, "a").flags & FP_XF_REPLACE_PENDING, 0);
    CHECK_EQ(rig_get(&r, "b").state, FP_OS_LOST);
    CHECK_EQ(rig_position(&r).open_buy_shares, 100);
    /* received after the original had traded away: ignored, no number consumed */
    venue_fill(r.venues[0], 1, 100, 1500000);
    CHECK_EQ(rig_replace(&r, "a", "c", 200, 1499900), 0);
    const uint8_t *bytes;
    size_t n = fp_oms_out(r.oms, 0, &bytes);
    venue_feed(r.venues[0], bytes, n);
    rig_cut(&r, 0);
    rig_connect(&r, 0);
    CHECK_EQ(rig_get(&r, "a").state, FP_OS_FILLED);
    CHECK_EQ(rig_get(&r, "c").state, FP_OS_LOST);
    /* received and done, the answer lost */
    CHECK_EQ(rig_submit(&r, "d", 'B', 100, 1500000), 0);
    rig_pump(&r);
    CHECK_EQ(rig_replace(&r, "d", "e", 200, 1499900), 0);
    n = fp_oms_out(r.oms, 0, &bytes);
    venue_feed(r.venues[0], bytes, n);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    rig_connect(&r, 0);
    CHECK_EQ(rig_get(&r, "d").state, FP_OS_REPLACED);
    CHECK_EQ(rig_get(&r, "e").state, FP_OS_LIVE);
    CHECK_EQ(r.oms->venues[0].stats.anomalies, 0);
    rig_end(&r);
}

static void answers_to_old_questions_are_not_ours(void) {
    rig_begin(&r);
    rig_oms(&r, 64);
    CHECK_EQ(fp_oms_fold_done(r.oms, r.now), 0);
    /* the first connection asks, the venue answers, the answer is lost */
    venue_connect(r.venues[0]);
    fp_oms_connected(r.oms, 0, r.now);
    const uint8_t *bytes;
    size_t n = fp_oms_out(r.oms, 0, &bytes);
    venue_feed(r.venues[0], bytes, n);
    fp_oms_sent(r.oms, 0, n, r.now);
    CHECK_EQ(fp_oms_receive(r.oms, 0, r.venues[0]->out, FP_SOUP_LOGIN_ACCEPTED_LEN, r.now), FP_SOUP_LOGIN_ACCEPTED_LEN);
    n = fp_oms_out(r.oms, 0, &bytes);
    venue_feed(r.venues[0], bytes, n);
    CHECK_EQ(r.venues[0]->log_count, 1);
    rig_cut(&r, 0);
    /* the second gets that one replayed; its own question stays open */
    r.venues[0]->mute_queries = 1;
    r.now += 1000000000;
    venue_connect(r.venues[0]);
    fp_oms_connected(r.oms, 0, r.now);
    rig_pump(&r);
    CHECK_EQ(r.oms->venues[0].state, FP_VS_REPLAYING);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), FP_RC_RECOVERING);
    rig_cut(&r, 0);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    r.venues[0]->mute_queries = 0;
    rig_connect(&r, 0);
    CHECK_EQ(r.oms->venues[0].state, FP_VS_LIVE);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
    rig_end(&r);
}

/* ---- the session's patience ---- */

static void reconnects_with_growing_patience(void) {
    rig_start(&r);
    static const uint64_t waits_ms[] = {100, 200, 400, 800, 1600, 2000, 2000};
    for (size_t i = 0; i < sizeof waits_ms / sizeof *waits_ms; i++) {
        fp_oms_disconnected(r.oms, 0, r.now);
        r.venues[0]->connected = 0;
        CHECK_EQ(fp_oms_wants_connection(r.oms, 0, r.now + waits_ms[i] * 1000000 - 1), 0);
        CHECK_EQ(fp_oms_wants_connection(r.oms, 0, r.now + waits_ms[i] * 1000000), 1);
        r.now += waits_ms[i] * 1000000;
    }
    rig_connect(&r, 0);
    CHECK_EQ(fp_oms_wants_connection(r.oms, 0, r.now), 0);
    fp_oms_disconnected(r.oms, 0, r.now);
    CHECK_EQ(fp_oms_wants_connection(r.oms, 0, r.now + 100000000), 1); /* success makes it eager again */
    rig_end(&r);
}

static void wrong_logins(void) {
    struct fp_order_stats stats;
    rig_begin(&r);
    rig_oms(&r, 16);
    CHECK_EQ(fp_oms_fold_done(r.oms, r.now), 0);
    r.venues[0]->reject_login = 'A';
    venue_connect(r.venues[0]);
    fp_oms_connected(r.oms, 0, r.now);
    rig_pump(&r);
    fp_oms_stats(r.oms, 0, &stats);
    CHECK_EQ(stats.login_rejects, 1);
    CHECK_EQ(stats.session_state, FP_VS_REFUSED);
    CHECK_EQ(fp_oms_wants_connection(r.oms, 0, r.now + 3600000000000ull), 0); /* it will not become right by hammering */
    r.venues[1]->reject_login = 'S';
    venue_connect(r.venues[1]);
    fp_oms_connected(r.oms, 1, r.now);
    rig_pump(&r);
    fp_oms_stats(r.oms, 1, &stats);
    CHECK_EQ(stats.session_state, FP_VS_DOWN);
    CHECK_EQ(fp_oms_wants_connection(r.oms, 1, r.now + 1900000000), 0);
    r.venues[1]->reject_login = 0;
    r.now += 2000000000;
    rig_connect(&r, 1);
    CHECK_EQ(r.oms->venues[1].state, FP_VS_LIVE);
    /* a venue that comes back with another session's name is not trusted */
    rig_cut(&r, 1);
    memcpy(r.venues[1]->session, "OTHER     ", 10);
    r.now += 2000000000;
    venue_connect(r.venues[1]);
    fp_oms_connected(r.oms, 1, r.now);
    rig_pump(&r);
    CHECK_EQ(r.oms->venues[1].state, FP_VS_DOWN);
    rig_end(&r);
}

static void heartbeats_and_silence(void) {
    rig_start(&r);
    const uint8_t *bytes;
    uint64_t start = r.now;
    CHECK_EQ(fp_oms_timer(r.oms, start + 1000000), 0);
    CHECK_EQ(fp_oms_out(r.oms, 0, &bytes), 0);
    CHECK_EQ(fp_oms_timer(r.oms, start + 1100000000), 0);
    CHECK_EQ(fp_oms_out(r.oms, 0, &bytes), 3);
    CHECK_MEM(bytes, "\0\1R", 3);
    unsigned entries = r.entry_count;
    r.now = start + 1100000000;
    rig_pump(&r);
    CHECK_EQ(r.entry_count, entries); /* heartbeats are not journaled */
    CHECK_EQ(fp_oms_timer(r.oms, start + 16000000000ull), 3); /* both dead */
    rig_end(&r);
}

static void logout(void) {
    rig_start(&r);
    const uint8_t *bytes;
    fp_oms_logout(r.oms, r.now);
    CHECK_EQ(fp_oms_out(r.oms, 0, &bytes), 3);
    CHECK_MEM(bytes, "\0\1O", 3);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), FP_RC_SESSION_DOWN);
    fp_oms_disconnected(r.oms, 0, r.now);
    CHECK_EQ(fp_oms_wants_connection(r.oms, 0, r.now + 10000000000ull), 0);
    rig_end(&r);
}

static void garbage_from_the_venue_closes_the_connection(void) {
    rig_start(&r);
    static const uint8_t zero[] = {0, 0}, huge[] = {0xFF, 0xFF}, early[] = {0, 2, 'J', 'A'}, odd[] = {0, 1, '?'}, empty[] = {0, 1, 'S'};
    CHECK_EQ(fp_oms_receive(r.oms, 0, odd, sizeof odd, r.now), 3); /* an unknown packet is skipped by its length */
    CHECK_EQ(fp_oms_receive(r.oms, 0, empty, sizeof empty, r.now), 3); /* a message of no bytes keeps its number */
    CHECK_EQ(fp_oms_receive(r.oms, 0, zero, sizeof zero, r.now), FP_E_BAD_LENGTH);
    fp_oms_disconnected(r.oms, 0, r.now);
    struct fp_order_stats stats;
    fp_oms_stats(r.oms, 0, &stats);
    CHECK_EQ(stats.soup_bad_length, 1);
    CHECK_EQ(stats.soup_unknown_type, 1);
    CHECK_EQ(stats.ouch_bad_length, 1);
    CHECK_EQ(fp_oms_receive(r.oms, 1, huge, sizeof huge, r.now), FP_E_BAD_LENGTH);
    rig_end(&r);
    rig_start(&r);
    CHECK(fp_oms_receive(r.oms, 0, early, sizeof early, r.now) < 0);
    /* OUCH that does not decode: counted, numbered, survived */
    static const uint8_t unknown[] = {0, 3, 'S', '?', 'x'}, cut[] = {0, 4, 'S', 'E', 1, 2};
    CHECK_EQ(fp_oms_receive(r.oms, 1, unknown, sizeof unknown, r.now), sizeof unknown);
    CHECK_EQ(fp_oms_receive(r.oms, 1, cut, sizeof cut, r.now), sizeof cut);
    fp_oms_stats(r.oms, 1, &stats);
    CHECK_EQ(stats.ouch_unknown_type, 1);
    CHECK_EQ(stats.ouch_bad_length, 1);
    CHECK_EQ(stats.next_sequence, 4);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    CHECK_EQ(r.oms->venues[1].next_sequence, 4);
    rig_end(&r);
}

/* ---- what a fold refuses ---- */

static int fold_with(unsigned at, uint16_t type, const void *body, uint32_t length, int instead) {
    struct fp_journal_entry e;
    int rc = 0;
    struct fp_oms *keep = r.oms;
    rig_oms(&r, 64);
    for (unsigned i = 0; i < r.entry_count && rc == 0; i++) {
        e = (struct fp_journal_entry){i + 1, r.journal[i].time_ns, r.journal[i].length, r.journal[i].type, r.journal[i].venue, r.journal[i].body};
        if (i == at) {
            struct fp_journal_entry bad = {i + 1, e.time_ns, length, type, 0, body};
            rc = fp_oms_fold(r.oms, &bad);
            if (instead)
                continue;
        }
        if (rc == 0)
            rc = fp_oms_fold(r.oms, &e);
    }
    CHECK_EQ(fp_oms_validate(r.oms), 0);
    free(r.oms);
    r.oms = keep;
    return rc;
}

static void folds_refuse_what_cannot_be(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
    rig_pump(&r);
    unsigned end = r.entry_count - 1, bytes_at = 0;
    for (unsigned i = 0; i < r.entry_count; i++)
        if (r.journal[i].type == FP_JR_BYTES_OUT && r.journal[i].body[0] == 'O')
            bytes_at = i;
    CHECK_EQ(fold_with(end, FP_JR_LIMITS, "x", 1, 0), 0);
    CHECK_EQ(fold_with(end, FP_JR_STOP, "", 0, 0), 0);
    for (int type = 0; type < 300; type += type == 20 ? 200 : 1) {
        if (type == FP_JR_LIMITS || type == FP_JR_STOP)
            continue;
        CHECK_EQ(fold_with(end, (uint16_t)type, "xyz", 3, 0), FP_E_CORRUPT);
        CHECK_EQ(fold_with(end, (uint16_t)type, "", 0, 0), FP_E_CORRUPT);
    }
    /* bytes twice, bytes without a decision */
    CHECK_EQ(fold_with(bytes_at, FP_JR_BYTES_OUT, r.journal[bytes_at].body, r.journal[bytes_at].length, 0), FP_E_CORRUPT);
    CHECK_EQ(fold_with(bytes_at - 1, FP_JR_LIMITS, "", 0, 1), FP_E_CORRUPT);
    CHECK_EQ(fold_with(bytes_at - 2, FP_JR_LIMITS, "", 0, 1), FP_E_CORRUPT);
    /* a message missing from the middle */
    uint8_t late[12] = {9};
    CHECK_EQ(fold_with(end, FP_JR_SEQUENCED_IN, late, 12, 0), FP_E_CORRUPT);
    /* an epoch that has been */
    CHECK_EQ(fold_with(end, FP_JR_START, r.journal[0].body, r.journal[0].length, 0), FP_E_CORRUPT);
    /* another configuration: more names are fine, other names are not */
    r.config.agent_count = 4;
    strcpy(r.config.agents[3].name, "fourth");
    CHECK_EQ(fold_with(end, FP_JR_STOP, "", 0, 0), 0);
    strcpy(r.config.accounts[1].name, "gamma");
    CHECK_EQ(fold_with(end, FP_JR_STOP, "", 0, 0), FP_E_BAD_CONFIG);
    strcpy(r.config.accounts[1].name, "beta");
    r.config.agent_count = 2;
    CHECK_EQ(fold_with(end, FP_JR_STOP, "", 0, 0), FP_E_BAD_CONFIG);
    rig_end(&r);
}

static void epochs_rise(void) {
    rig_start(&r);
    CHECK_EQ(fp_oms_epoch(r.oms), 1);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    CHECK_EQ(fp_oms_epoch(r.oms), 2);
    CHECK_EQ(fp_oms_last_epoch(r.oms), 1);
    rig_connect(&r, 0);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
    CHECK_EQ(r.reply.order.order_id, (uint64_t)2 << 48 | 1);
    rig_end(&r);
}

static void a_restart_tells_every_order_once(void) {
    rig_start(&r);
    CHECK_EQ(rig_submit(&r, "a", 'B', 100, 1500000), 0);
    CHECK_EQ(rig_submit(&r, "b", 'B', 100, 1500000), 0);
    rig_pump(&r);
    venue_fill(r.venues[0], 1, 100, 1500000);
    rig_pump(&r);
    CHECK_EQ(rig_restart(&r, r.entry_count), 0);
    CHECK_EQ(r.exec_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        CHECK(r.execs[i].flags & FP_XF_RECOVERED);
        CHECK_EQ(r.execs[i].seq, i + 1);
        CHECK_EQ(r.execs[i].position, 100);
        CHECK_EQ(r.execs[i].last_shares, 0);
    }
    CHECK_EQ(r.execs[0].kind, FP_EX_FILL);
    CHECK_EQ(r.execs[1].kind, FP_EX_ACCEPTED);
    rig_end(&r);
}

int main(void) {
    RUN(never_received_is_lost);
    RUN(received_but_unanswered_is_found_in_the_replay);
    RUN(consumed_but_never_answered_stays_in_doubt);
    RUN(lost_and_found);
    RUN(found_behind_a_kill_switch_it_goes);
    RUN(replaces_in_doubt);
    RUN(answers_to_old_questions_are_not_ours);
    RUN(reconnects_with_growing_patience);
    RUN(wrong_logins);
    RUN(heartbeats_and_silence);
    RUN(logout);
    RUN(garbage_from_the_venue_closes_the_connection);
    RUN(folds_refuse_what_cannot_be);
    RUN(epochs_rise);
    RUN(a_restart_tells_every_order_once);
    return check_done();
}
