-- One mebibyte as the body of a POST.
wrk.method = "POST"
wrk.body = string.rep("0123456\n", 131072)
wrk.headers["Content-Type"] = "application/octet-stream"
