// Programs that call with a plain key or an app code: one header field.

import type { Programming } from "./index.ts";

export const PLAIN: Record<Programming, string> = {
  curl: `
curl -H 'Authorization: {{authorization}}' '{{url}}'
`,
  javascript: `
const answer = await fetch("{{url}}", {
  headers: { authorization: "{{authorization}}" },
});
console.log(answer.status, await answer.text());
`,
  python: `
import urllib.request

request = urllib.request.Request("{{url}}", headers={"Authorization": "{{authorization}}"})
with urllib.request.urlopen(request) as answer:
    print(answer.status, answer.read().decode())
`,
  go: `
package main

import (
	"fmt"
	"io"
	"net/http"
)

func main() {
	request, _ := http.NewRequest("GET", "{{url}}", nil)
	request.Header.Set("Authorization", "{{authorization}}")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	body, _ := io.ReadAll(answer.Body)
	fmt.Println(answer.StatusCode, string(body))
}
`,
  java: `
import java.net.URI;
import java.net.http.*;

public class Call {
  public static void main(String[] args) throws Exception {
    var request = HttpRequest.newBuilder(URI.create("{{url}}"))
        .header("Authorization", "{{authorization}}")
        .build();
    var answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    System.out.println(answer.statusCode() + " " + answer.body());
  }
}
`,
  php: `
<?php
$call = curl_init('{{url}}');
curl_setopt($call, CURLOPT_HTTPHEADER, ['Authorization: {{authorization}}']);
curl_setopt($call, CURLOPT_RETURNTRANSFER, true);
$body = curl_exec($call);
echo curl_getinfo($call, CURLINFO_RESPONSE_CODE), ' ', $body, PHP_EOL;
`,
};
