/* The protocol of runtime/ring.c, for spin: `make model`. A writer and a reader take their steps in
 * every order; a writer is killed between any two of its steps, and a successor goes on, which
 * knows of the tail only what its parent knew: nothing. It is claimed that
 *
 *   - what lies between tail and head is what was written there: never half a record, never one
 *     that is being written over, never more than the ring holds;
 *   - nobody waits for ever: the writer for room, the reader for bytes (spin calls that an invalid
 *     end state), so that whatever the last writer wants to say is read.
 *
 * A byte's right value is its place in the endless row of bytes, so that an old one is noticed.
 * Memory has one order here. In C, release and acquire buy that: each store of head or tail is
 * seen after what came before it, and these two are all that both sides look at.
 *
 * EARLY_COMMIT, NO_ROOM, STALE_HEAD, EARLY_CONSUME and MOVE_UNREAD each break a rule: spin must
 * find it. */

#define SIZE 3
#define LIMIT 6  /* bytes until the end: twice around the ring */
#define LIVES 2  /* of writers, one after the other */

#define WARM 1   /* beyond this an empty ring begins anew */

#define place(origin, at) ring[((at) - (origin)) % SIZE]

byte ring[SIZE];
byte head, origin, tail; /* as in struct ends */
byte killed;             /* writers up to this one are dead */

proctype writer(byte life, parents_head)
{
    byte at, count, i, seen_tail; /* seen_tail: 0, as the parent never wrote */
    {
        at = parents_head;
        do
        :: head == LIMIT -> break
        :: else ->
            select(count : 1 .. SIZE);
            if
            :: head + count > LIMIT -> count = LIMIT - head
            :: else
            fi;
#ifndef STALE_HEAD
            at = head; /* mw_ring_reserve */
#endif
#ifndef NO_ROOM
            if
            :: at - seen_tail > SIZE - count ->
                do
                :: seen_tail = tail;
                    if
                    :: at - seen_tail > SIZE - count -> (tail != seen_tail) /* on_full */
                    :: else -> break
                    fi
                od
            :: else
            fi;
#endif
            if
            :: (at - origin) % SIZE >= WARM -> /* begin_anew */
                seen_tail = tail;
                if
#ifdef MOVE_UNREAD
                :: true -> origin = at
#else
                :: seen_tail == at -> origin = at
                :: else
#endif
                fi
            :: else
            fi;
#ifdef EARLY_COMMIT
            head = at + count;
#endif
            i = 0;
            do
            :: i < count -> place(origin, at + i) = at + i + 1; i++
            :: else -> break
            od;
            head = at + count; /* mw_ring_commit */
            atomic { at = at + count; count = 0; i = 0 }
        od
    } unless {
        atomic { killed >= life -> at = 0; count = 0; i = 0; seen_tail = 0 }
    }
}

active proctype reader()
{
    byte at, seen, first, count, i; /* first: the origin that was seen */
    do
    :: tail == LIMIT -> break
    :: else ->
        (head != tail);
        at = tail; /* mw_ring_peek */
        seen = head;
        first = origin;
        assert(seen - at <= SIZE);
#ifdef EARLY_CONSUME
        tail = seen;
#endif
        i = at;
        do
        :: i < seen -> assert(place(first, i) == i + 1); i++
        :: else -> break
        od;
        select(count : 1 .. seen - at);
#ifndef EARLY_CONSUME
        tail = at + count; /* mw_ring_consume */
#endif
        atomic { at = 0; seen = 0; first = 0; count = 0; i = 0 }
    od
}

active proctype guardian()
{
    byte life = 1;
    run writer(1, 0);
    do
    :: life < LIVES -> killed = life; life++; run writer(life, 0)
    :: break /* the last one lives */
    od
}
