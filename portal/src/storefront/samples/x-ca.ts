// Programs that sign with x-ca: HMAC-SHA256 over method, fields and path (see docs, "x-ca").

import type { Programming } from "./index.ts";

export const X_CA: Record<Programming, string> = {
  curl: String.raw`
url='{{url}}' key='{{key}}' secret='{{secret}}'
time=$(date +%s)000 nonce=$(openssl rand -hex 16)
path=/$(printf %s "$url" | cut -d/ -f4-)
text=$(printf 'GET\napplication/json\n\n\n\nx-ca-key:%s\nx-ca-nonce:%s\nx-ca-timestamp:%s\n%s' \
  "$key" "$nonce" "$time" "$path")
signature=$(printf %s "$text" | openssl dgst -sha256 -hmac "$secret" -binary | base64)
curl "$url" -H 'Accept: application/json' -H "X-Ca-Key: $key" -H "X-Ca-Nonce: $nonce" \
  -H "X-Ca-Timestamp: $time" -H 'X-Ca-Signature-Headers: x-ca-key,x-ca-nonce,x-ca-timestamp' \
  -H "X-Ca-Signature: $signature"
`,
  javascript: String.raw`
import { createHmac, randomUUID } from "node:crypto";

const url = new URL("{{url}}");
const headers = {
  accept: "application/json",
  "x-ca-key": "{{key}}",
  "x-ca-nonce": randomUUID(),
  "x-ca-timestamp": String(Date.now()),
};
const signed = ["x-ca-key", "x-ca-nonce", "x-ca-timestamp"];
const lines = signed.map((name) => name + ":" + headers[name]);
const text = ["GET", headers.accept, "", "", "", ...lines, url.pathname].join("\n");
headers["x-ca-signature-headers"] = signed.join(",");
headers["x-ca-signature"] = createHmac("sha256", "{{secret}}").update(text).digest("base64");
const answer = await fetch(url, { headers });
console.log(answer.status, await answer.text());
`,
  python: String.raw`
import base64, hashlib, hmac, time, urllib.request, uuid
from urllib.parse import urlsplit

url = "{{url}}"
headers = {
    "accept": "application/json",
    "x-ca-key": "{{key}}",
    "x-ca-nonce": str(uuid.uuid4()),
    "x-ca-timestamp": str(int(time.time() * 1000)),
}
signed = ["x-ca-key", "x-ca-nonce", "x-ca-timestamp"]
lines = [f"{name}:{headers[name]}" for name in signed]
text = "\n".join(["GET", headers["accept"], "", "", "", *lines, urlsplit(url).path])
digest = hmac.new("{{secret}}".encode(), text.encode(), hashlib.sha256).digest()
headers["x-ca-signature-headers"] = ",".join(signed)
headers["x-ca-signature"] = base64.b64encode(digest).decode()
with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
    print(answer.status, answer.read().decode())
`,
  go: String.raw`
package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

func main() {
	request, _ := http.NewRequest("GET", "{{url}}", nil)
	nonce := rand.Text()
	now := fmt.Sprint(time.Now().UnixMilli())
	text := strings.Join([]string{"GET", "application/json", "", "", "",
		"x-ca-key:{{key}}", "x-ca-nonce:" + nonce, "x-ca-timestamp:" + now, request.URL.Path}, "\n")
	mac := hmac.New(sha256.New, []byte("{{secret}}"))
	mac.Write([]byte(text))
	request.Header.Set("Accept", "application/json")
	request.Header.Set("X-Ca-Key", "{{key}}")
	request.Header.Set("X-Ca-Nonce", nonce)
	request.Header.Set("X-Ca-Timestamp", now)
	request.Header.Set("X-Ca-Signature-Headers", "x-ca-key,x-ca-nonce,x-ca-timestamp")
	request.Header.Set("X-Ca-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	body, _ := io.ReadAll(answer.Body)
	fmt.Println(answer.StatusCode, string(body))
}
`,
  java: String.raw`
import java.net.URI;
import java.net.http.*;
import java.util.*;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Call {
  public static void main(String[] args) throws Exception {
    var url = URI.create("{{url}}");
    var nonce = UUID.randomUUID().toString();
    var now = String.valueOf(System.currentTimeMillis());
    var text = String.join("\n", "GET", "application/json", "", "", "",
        "x-ca-key:{{key}}", "x-ca-nonce:" + nonce, "x-ca-timestamp:" + now, url.getPath());
    var mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec("{{secret}}".getBytes("UTF-8"), "HmacSHA256"));
    var signature = Base64.getEncoder().encodeToString(mac.doFinal(text.getBytes("UTF-8")));
    var request = HttpRequest.newBuilder(url)
        .headers("Accept", "application/json", "X-Ca-Key", "{{key}}", "X-Ca-Nonce", nonce,
            "X-Ca-Timestamp", now, "X-Ca-Signature-Headers", "x-ca-key,x-ca-nonce,x-ca-timestamp",
            "X-Ca-Signature", signature)
        .build();
    var answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    System.out.println(answer.statusCode() + " " + answer.body());
  }
}
`,
  php: String.raw`
<?php
$url = '{{url}}';
$key = '{{key}}';
$nonce = bin2hex(random_bytes(16));
$now = (string) (int) (microtime(true) * 1000);
$text = implode("\n", ['GET', 'application/json', '', '', '',
    "x-ca-key:$key", "x-ca-nonce:$nonce", "x-ca-timestamp:$now", parse_url($url, PHP_URL_PATH)]);
$signature = base64_encode(hash_hmac('sha256', $text, '{{secret}}', true));
$call = curl_init($url);
curl_setopt($call, CURLOPT_RETURNTRANSFER, true);
curl_setopt($call, CURLOPT_HTTPHEADER, ['Accept: application/json', "X-Ca-Key: $key", "X-Ca-Nonce: $nonce",
    "X-Ca-Timestamp: $now", 'X-Ca-Signature-Headers: x-ca-key,x-ca-nonce,x-ca-timestamp',
    "X-Ca-Signature: $signature"]);
$body = curl_exec($call);
echo curl_getinfo($call, CURLINFO_RESPONSE_CODE), ' ', $body, PHP_EOL;
`,
};
