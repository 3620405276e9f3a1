/* The protocol of runtime/ring.c and ring_state.h, for spin: `make model`. A writer and a reader
 * take their steps in every order; a writer is killed between any two of its steps, and a successor
 * goes on, which knows of the tails only what its parent knew: nothing. It is claimed that
 *
 *   - what is read is what was written, in the order of writing: never half a record, never one
 *     that is being written over, never more than a part of the ring holds;
 *   - nobody waits for ever: the writer for room, the reader for bytes (spin calls that an invalid
 *     end state), so that whatever the last writer wants to say is read.
 *
 * A byte's right value is its place in the endless row of bytes, so that an old one is noticed.
 * Memory has one order here. In C, release and acquire buy that: each store of head or tail is
 * seen after what came before it, and these are all that both sides look at.
 *
 * EARLY_COMMIT, NO_ROOM, STALE_HEAD, EARLY_CONSUME, MOVE_UNREAD, BACK_EARLY, NO_TURN, NEAR_FIRST
 * and TURN_FIRST each break a rule: spin must find it. */

#define NEAR_SIZE 1
#define SIZE 2
#define LIMIT 5  /* bytes until the end: into the far part, back, and there again */
#define LIVES 2  /* of writers, one after the other */

/* As in struct ends, of the near part (0) and the far one (1). */
byte head[2], tail[2];
byte origin, turn; /* of the far part */
byte near[NEAR_SIZE], far[SIZE];
byte written, got; /* all that was committed, and all that was consumed */
byte killed;       /* writers up to this one are dead */

#define place(at) (((at) - origin) % SIZE)
#define size_of(part) (part -> SIZE : NEAR_SIZE)

/* What a step does besides one look at what the other side writes, or one store that the other side
 * looks at, is nobody else's: it is one step with that. */

/* Sets `at` to the head of part, and has_room: mw_ring_reserve */
inline look_for_room(part) {
    atomic {
#ifdef STALE_HEAD
        at = own[part];
#else
        at = head[part];
#endif
#ifdef NO_ROOM
        has_room = true;
#else
        has_room = (count <= size_of(part) && at - seen_tail[part] <= size_of(part) - count);
        if
        :: count <= size_of(part) && !has_room ->
            seen_tail[part] = tail[part];
            has_room = (at - seen_tail[part] <= size_of(part) - count)
        :: else
        fi
#endif
    }
}

inline look_whether_empty(part) {
    atomic {
        if
        :: head[part] != seen_tail[part] -> seen_tail[part] = tail[part]
        :: else
        fi;
        is_empty = (head[part] == seen_tail[part])
    }
}

proctype writer(byte life)
{
    byte at, count, i, seen_tail[2]; /* seen_tail: 0, as the parent never wrote */
    bool has_room, is_far = true, is_empty;
#ifdef STALE_HEAD
    byte own[2];
#endif
    {
        do
        :: written == LIMIT -> break
        :: else ->
            atomic {
                select(count : 1 .. SIZE);
                if
                :: written + count > LIMIT -> count = LIMIT - written
                :: else
                fi
            };
            do
            :: has_room -> break
            :: else -> /* again and again: on_full */
                if
                :: is_far ->
                    look_whether_empty(0);
                    if
#ifdef BACK_EARLY
                    :: true ->
#else
                    :: is_empty ->
#endif
#ifndef NO_TURN
                        turn = head[1];
#endif
                        is_far = false
                    :: else
                    fi
                :: else
                fi;
                if
                :: !is_far -> look_for_room(0)
                :: else
                fi;
                if
                :: !has_room ->
                    is_far = true;
                    look_whether_empty(1);
                    if
#ifdef MOVE_UNREAD
                    :: true -> origin = head[1]
#else
                    :: is_empty -> origin = head[1] /* begin_anew */
                    :: else
#endif
                    fi;
                    look_for_room(1)
                :: else
                fi;
                if
                :: !has_room -> (tail[0] != seen_tail[0] || tail[1] != seen_tail[1])
                :: else
                fi
            od;
#ifdef EARLY_COMMIT
            atomic { head[is_far] = at + count; written = written + count };
#endif
            i = 0;
            do
            :: i < count ->
                atomic {
                    if
                    :: is_far -> far[place(at + i)] = written + i + 1
                    :: else -> near[(at + i) % NEAR_SIZE] = written + i + 1
                    fi;
                    i++
                }
            :: else -> break
            od;
#ifndef EARLY_COMMIT
            atomic { head[is_far] = at + count; written = written + count }; /* mw_ring_commit */
#endif
#ifdef STALE_HEAD
            own[is_far] = at + count;
#endif
            atomic { at = 0; count = 0; i = 0; has_room = false; is_empty = false }
        od
    } unless {
        atomic {
            killed >= life ->
            at = 0; count = 0; i = 0; seen_tail[0] = 0; seen_tail[1] = 0;
            has_room = false; is_far = true; is_empty = false
        }
    }
}

active proctype reader()
{
    byte at, seen[2], seen_turn, first, count, i; /* first: the origin that was seen */
    bool is_far, was_idle;
    do
    :: got == LIMIT -> break
    :: else ->
        if
        :: !was_idle /* it looks at any time; in vain once, so that it can be seen to wait */
        :: head[0] != tail[0] || head[1] != tail[1]
        fi;
#ifdef TURN_FIRST
        seen_turn = turn;
#endif
#ifdef NEAR_FIRST
        seen[0] = head[0];
        seen[1] = head[1];
#else
        seen[1] = head[1]; /* mw_ring_peek */
        seen[0] = head[0];
#endif
#ifndef TURN_FIRST
        seen_turn = turn;
#endif
        atomic {
            is_far = (seen[0] == tail[0] || seen_turn > tail[1]);
            at = tail[is_far];
            if
            :: seen_turn > tail[1] && seen[1] > seen_turn -> seen[1] = seen_turn
            :: else
            fi;
            seen_turn = 0;
            first = origin
        };
        assert(seen[is_far] - at <= size_of(is_far));
#ifdef EARLY_CONSUME
        tail[is_far] = seen[is_far];
#endif
        i = 0;
        do
        :: i < seen[is_far] - at ->
            atomic {
                if
                :: is_far -> assert(far[(at + i - first) % SIZE] == got + i + 1)
                :: else -> assert(near[(at + i) % NEAR_SIZE] == got + i + 1)
                fi;
                i++
            }
        :: else -> break
        od;
        if
        :: seen[is_far] == at -> was_idle = true
        :: else -> was_idle = false; select(count : 1 .. seen[is_far] - at)
        fi;
#ifdef EARLY_CONSUME
        got = got + seen[is_far] - at;
#else
        atomic { tail[is_far] = at + count; got = got + count }; /* mw_ring_consume */
#endif
        atomic { at = 0; seen[0] = 0; seen[1] = 0; first = 0; count = 0; i = 0; is_far = false }
    od
}

active proctype guardian()
{
    byte life = 1;
    run writer(1);
    do
    :: life < LIVES -> killed = life; life++; run writer(life)
    :: break /* the last one lives */
    od
}
