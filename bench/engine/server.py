"""The peers' processes: llama-server over HTTP, llama-bench's figures, and processes that keep the machine busy.

Owns: starting and ending them, by process. Knows nothing of scenarios. Everything not said here is the peers' default.
"""

import contextlib
import http.client
import json
import socket
import subprocess
import tempfile
import threading
import time

import peers

START_SECONDS, ANSWER_SECONDS = 60, 300


class ServerError(Exception):
    """A peer failed; the message is its own."""


class Reply:
    """One answer of llama-server, and its times in `time.perf_counter` seconds."""

    def __init__(self, began, first, ended, timings):
        self.began, self.first, self.ended, self.timings = began, first, ended, timings

    @property
    def first_token(self):
        return self.first - self.began

    @property
    def completion_tokens(self):
        return self.timings["predicted_n"]

    @property
    def decode_rate(self):
        """Tokens per second after the first one, by the server's own figures."""
        if self.timings["predicted_n"] < 8:
            raise ServerError(f"an answer of {self.timings['predicted_n']} tokens says nothing about speed")
        return (self.timings["predicted_n"] - 1) / self.timings["predicted_ms"] * 1000


class Server:
    """A running llama-server with one model."""

    def __init__(self, port):
        self.port = port

    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        return connection, connection.getresponse()

    def post(self, path, body):
        connection, response = self.request("POST", path, body)
        with contextlib.closing(connection):
            text = response.read()
        if response.status != 200:
            raise ServerError(f"llama-server: {text[:200].decode(errors='replace')}")
        return json.loads(text)

    def chat(self, prompt, system, max_tokens, schema=None, stream=False):
        """One answer, greedily. Streamed, the first token's time is the client's."""
        messages = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
        body = {"messages": messages, "max_tokens": max_tokens, "temperature": 0, "stream": stream}
        if schema is not None:
            body["response_format"] = {"type": "json_schema", "json_schema": {"schema": json.loads(schema)}}
        began = time.perf_counter()
        if stream:
            return self.streamed(body, began)
        timings = self.post("/v1/chat/completions", body)["timings"]
        return Reply(began, began + timings["prompt_ms"] / 1000, time.perf_counter(), timings)

    def streamed(self, body, began):
        connection, response = self.request("POST", "/v1/chat/completions", body)
        first, timings = None, {}
        with contextlib.closing(connection):
            for line in response:
                # After the first text only what is looked for is unpacked, so that reading costs the machine that is
                # measured little.
                wanted = first is None or b'"timings":' in line or b'"error":' in line
                if not wanted or not line.startswith(b"data: {"):
                    continue
                event = json.loads(line[6:])
                if "error" in event:
                    raise ServerError(f"llama-server: {event['error']}")
                choices = event.get("choices") or [{}]
                if first is None and choices[0].get("delta", {}).get("content"):
                    first = time.perf_counter()
                timings = event.get("timings", timings)
        if first is None:
            raise ServerError("llama-server streamed no text")
        return Reply(began, first, time.perf_counter(), timings)

    def count(self, text):
        """Tokens of a text with the marks around it."""
        return len(self.post("/tokenize", {"content": text, "add_special": True})["tokens"])


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def end_of(process):
    """Ends the process with the block."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def server(model, slots, *more):
    """llama-server with its defaults and so many slots."""
    port = free_port()
    command = [peers.program("llama-server"), "-m", model, "--host", "127.0.0.1", "--port", port, "-np", slots, *more]
    with tempfile.TemporaryFile() as log, end_of(subprocess.Popen(
            [str(word) for word in command], stdout=log, stderr=log)) as process:
        running = Server(port)
        limit = time.monotonic() + START_SECONDS
        while not healthy(running):
            if process.poll() is not None or time.monotonic() > limit:
                log.seek(0)
                raise ServerError(f"llama-server did not start: {log.read()[-300:].decode(errors='replace')}")
            time.sleep(0.05)  # it has no other way to tell
        yield running


def healthy(running):
    try:
        connection, response = running.request("GET", "/health")
        with contextlib.closing(connection):
            return response.status == 200
    except (OSError, http.client.HTTPException):
        return False


def bench(model, threads, prompt=0, generate=0, *more):
    """llama-bench once: tokens per second of evaluating `prompt` and of generating `generate` tokens."""
    command = [peers.program("llama-bench"), "-m", model, "-t", threads, "-p", prompt, "-n", generate, "-r", 1,
               "-o", "json", *more]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=ANSWER_SECONDS)
    if done.returncode != 0:
        raise ServerError(f"llama-bench: {done.stderr.strip()[-200:]}")
    rates = {"prompt" if row["n_prompt"] else "generate": row["avg_ts"] for row in json.loads(done.stdout)}
    return rates.get("prompt"), rates.get("generate")


# Counts for ever, and looks now and then whether the benchmark still lives.
BUSY = "while kill -0 $PPID; do i=0; while [ $i -lt 99999 ]; do i=$((i+1)); done; done 2>/dev/null"


@contextlib.contextmanager
def busy(count):
    """So many processes that use all of a processor. Yields a function that ends them early."""
    processes = [subprocess.Popen(["sh", "-c", BUSY]) for _ in range(count)]

    def end():
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()

    try:
        yield end
    finally:
        end()


class Background:
    """Clients of llama-server in threads of their own, each asking again and again until told to stop."""

    def __init__(self, ask, count):
        self.stopping = threading.Event()
        self.failures = []
        self.threads = [threading.Thread(target=self.loop, args=(ask, which)) for which in range(count)]

    def loop(self, ask, which):
        turn = 0
        while not self.stopping.is_set():
            try:
                ask(which, turn)
            except (OSError, ServerError, http.client.HTTPException) as e:
                self.failures.append(str(e))
                return
            turn += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        if self.failures and kind is None:
            raise ServerError(f"a background request failed: {self.failures[0]}")


def at_once(asks):
    """Call all of them at once, each in a thread; returns their results and the seconds until the last one."""
    results = [None] * len(asks)
    failures = []

    def one(which):
        try:
            results[which] = asks[which]()
        except (OSError, ServerError, http.client.HTTPException) as e:
            failures.append(e)

    threads = [threading.Thread(target=one, args=(which,)) for which in range(len(asks))]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise ServerError(str(failures[0]))
    return results, time.perf_counter() - began
