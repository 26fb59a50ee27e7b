// Programs that sign by RFC 9421 (HTTP Message Signatures, `hmac-sha256`, section 3.3.3): method and target URI.

import type { Programming } from "./index.ts";

export const RFC9421: Record<Programming, string> = {
  curl: String.raw`
url='{{url}}' key='{{key}}' secret='{{secret}}'
params="(\"@method\" \"@target-uri\");created=$(date +%s);nonce=\"$(openssl rand -hex 16)\";keyid=\"$key\";alg=\"hmac-sha256\""
base=$(printf '"@method": GET\n"@target-uri": %s\n"@signature-params": %s' "$url" "$params")
signature=$(printf %s "$base" | openssl dgst -sha256 -hmac "$secret" -binary | base64)
curl "$url" -H "Signature-Input: sig=$params" -H "Signature: sig=:$signature:"
`,
  javascript: String.raw`
import { createHmac, randomUUID } from "node:crypto";

const url = "{{url}}";
const created = Math.floor(Date.now() / 1000);
const nonce = randomUUID();
const params = '("@method" "@target-uri");created=' + created + ';nonce="' + nonce + '";keyid="{{key}}";alg="hmac-sha256"';
const base = ['"@method": GET', '"@target-uri": ' + url, '"@signature-params": ' + params].join("\n");
const signature = createHmac("sha256", "{{secret}}").update(base).digest("base64");
const headers = { "signature-input": "sig=" + params, signature: "sig=:" + signature + ":" };
const answer = await fetch(url, { headers });
console.log(answer.status, await answer.text());
`,
  python: String.raw`
import base64, hashlib, hmac, time, urllib.request, uuid

url = "{{url}}"
params = (
    f'("@method" "@target-uri");created={int(time.time())};nonce="{uuid.uuid4()}"'
    ';keyid="{{key}}";alg="hmac-sha256"'
)
base = f'"@method": GET\n"@target-uri": {url}\n"@signature-params": {params}'
digest = hmac.new("{{secret}}".encode(), base.encode(), hashlib.sha256).digest()
signature = base64.b64encode(digest).decode()
headers = {"Signature-Input": f"sig={params}", "Signature": f"sig=:{signature}:"}
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
	"time"
)

func main() {
	url := "{{url}}"
	params := fmt.Sprintf("(\"@method\" \"@target-uri\");created=%d;nonce=%q;keyid=\"{{key}}\";alg=\"hmac-sha256\"",
		time.Now().Unix(), rand.Text())
	base := "\"@method\": GET\n\"@target-uri\": " + url + "\n\"@signature-params\": " + params
	mac := hmac.New(sha256.New, []byte("{{secret}}"))
	mac.Write([]byte(base))
	request, _ := http.NewRequest("GET", url, nil)
	request.Header.Set("Signature-Input", "sig="+params)
	request.Header.Set("Signature", "sig=:"+base64.StdEncoding.EncodeToString(mac.Sum(nil))+":")
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
    var url = "{{url}}";
    var params = "(\"@method\" \"@target-uri\");created=" + System.currentTimeMillis() / 1000
        + ";nonce=\"" + UUID.randomUUID() + "\";keyid=\"{{key}}\";alg=\"hmac-sha256\"";
    var base = "\"@method\": GET\n\"@target-uri\": " + url + "\n\"@signature-params\": " + params;
    var mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec("{{secret}}".getBytes("UTF-8"), "HmacSHA256"));
    var signature = Base64.getEncoder().encodeToString(mac.doFinal(base.getBytes("UTF-8")));
    var request = HttpRequest.newBuilder(URI.create(url))
        .headers("Signature-Input", "sig=" + params, "Signature", "sig=:" + signature + ":")
        .build();
    var answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    System.out.println(answer.statusCode() + " " + answer.body());
  }
}
`,
  php: String.raw`
<?php
$url = '{{url}}';
$params = '("@method" "@target-uri");created=' . time() . ';nonce="' . bin2hex(random_bytes(16))
    . '";keyid="{{key}}";alg="hmac-sha256"';
$base = "\"@method\": GET\n\"@target-uri\": $url\n\"@signature-params\": $params";
$signature = base64_encode(hash_hmac('sha256', $base, '{{secret}}', true));
$call = curl_init($url);
curl_setopt($call, CURLOPT_RETURNTRANSFER, true);
curl_setopt($call, CURLOPT_HTTPHEADER, ["Signature-Input: sig=$params", "Signature: sig=:$signature:"]);
$body = curl_exec($call);
echo curl_getinfo($call, CURLINFO_RESPONSE_CODE), ' ', $body, PHP_EOL;
`,
};
