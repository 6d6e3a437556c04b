"""A server that hands each request on after a while: `delay.py PORT MILLISECONDS`. Prints its own port.

It reads HTTP/1.1 far enough to know where a request ends, so that each one waits once, however many there are on a
connection and in however many pieces it arrives. Requests on different connections wait at the same time.
"""
import asyncio, sys

LIMIT = 1 << 20


async def message(reader, bodiless=False):
    """The first line of a request or response, all of it, and whether its end is that of the connection; None after the last."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    fields = {}
    first, *lines = head[:-4].split(b"\r\n")
    for line in lines:
        name, _, value = line.partition(b":")
        fields[name.strip().lower()] = value.strip().lower()
    body, is_last = b"", False
    status = first.split(b" ")[1] if first.startswith(b"HTTP/") else b""
    if bodiless or status.startswith(b"1") or status in (b"204", b"304"):
        pass
    elif b"chunked" in fields.get(b"transfer-encoding", b""):
        parts = []
        while True:
            size = await reader.readline()
            parts += [size, await reader.readexactly(int(size.split(b";")[0], 16) + 2)]
            if parts[-1] == b"\r\n":
                break
        body = b"".join(parts)
    elif b"content-length" in fields:
        body = await reader.readexactly(int(fields[b"content-length"]))
    elif status:
        # Without a length the end of the connection is the end of the answer.
        body, is_last = await reader.read(), True
    return first, head + body, is_last


async def serve(reader, writer, port, seconds):
    server = None
    try:
        server_reader, server = await asyncio.open_connection("127.0.0.1", port, limit=LIMIT)
        while asked := await message(reader):
            first, data, _ = asked
            await asyncio.sleep(seconds)
            server.write(data)
            await server.drain()
            while True:
                answer = await message(server_reader, first.startswith(b"HEAD "))
                if answer is None:
                    return
                writer.write(answer[1])
                await writer.drain()
                if answer[2]:
                    return
                # "100 Continue" comes before the answer.
                if not answer[0].split(b" ")[1].startswith(b"1"):
                    break
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        for end in (writer, server):
            if end:
                end.close()


async def main():
    port, seconds = int(sys.argv[1]), float(sys.argv[2]) / 1000
    server = await asyncio.start_server(lambda r, w: serve(r, w, port, seconds), "127.0.0.1", 0, limit=LIMIT, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
